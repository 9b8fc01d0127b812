"""The alerts' thresholds for the panels, read where they live: the recording rules of deploy/prometheus/rules."""

from exporter.demo.shipped import alert_thresholds

__all__ = ["alert_thresholds"]
