"""Alerts without Grafana: who is notified, how and when, read from the files that Grafana gets too; and their test."""
