"""Files of dashboards/ and a Grafana server kept the same: push, diff and pull."""
