"""How Grafana queries: times, variables and macros of a dashboard, and the frames of its answers."""
