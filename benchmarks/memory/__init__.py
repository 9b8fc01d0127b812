"""Whether the exporter's memory grows while it collects and targets come and go."""
