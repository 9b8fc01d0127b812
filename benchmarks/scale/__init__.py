"""The record at its size after years: ten million executions, what the reports take and what writing costs then."""
