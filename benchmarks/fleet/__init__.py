"""What hundreds of targets in one process cost: processor, memory, the event loop's lag, the time of a scrape."""
