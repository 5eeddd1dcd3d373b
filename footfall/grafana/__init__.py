"""Grafana: its files in dashboards/, its HTTP API, how it queries, and how files and server are kept the same."""
