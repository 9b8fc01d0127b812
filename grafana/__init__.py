"""Generator of the Grafana dashboards; not part of the installed package."""
