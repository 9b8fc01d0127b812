"""Many sessions of DDL that commit, fail, roll back and are killed; the record beside the server's own log."""
