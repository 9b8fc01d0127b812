"""The HTTP side: /metrics and the health of the daemon."""
