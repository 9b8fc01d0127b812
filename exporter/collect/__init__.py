"""Calls the functions of the metric map and renders what they return."""
