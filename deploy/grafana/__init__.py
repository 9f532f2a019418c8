"""Grafana's dashboards, as code, and the files with which Grafana finds them."""
