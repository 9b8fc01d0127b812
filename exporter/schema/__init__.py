"""Installs, upgrades, verifies and removes the tracking schema of one database."""
