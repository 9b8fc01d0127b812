"""Keeps house in a database: totals, partitions, incarnation."""
