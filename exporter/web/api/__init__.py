"""The REST API: the record over HTTP, read-only, as a role of the database. Loaded by its first request."""
