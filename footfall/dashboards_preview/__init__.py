"""Grafana's dashboard files drawn straight from Postgres, without Grafana: `footfall preview-dashboards`."""
