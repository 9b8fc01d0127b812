"""What clients that misbehave do to one that scrapes."""
