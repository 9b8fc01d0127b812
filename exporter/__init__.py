"""Prometheus exporter that keeps and serves the record of DDL and operations in PostgreSQL."""

__version__ = "0.1.0"
