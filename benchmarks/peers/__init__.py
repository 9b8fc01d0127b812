"""Other exporters on the same database with equal work, beside ours."""
