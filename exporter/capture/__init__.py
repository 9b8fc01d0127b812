"""Captures what the event triggers cannot record: attempts that failed or were rolled back."""
