"""Floor 6: the main job on a PostgreSQL of its own, told as a story, with a real Prometheus where there is one."""
