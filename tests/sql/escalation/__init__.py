"""Attempts to gain a right: by our roles, by owners of tables, by PostgreSQL's predefined roles."""
