"""Whether captured DDL was within a change window, or had an approved reference."""
