"""One Grafana dashboard, as code, and the files with which Grafana finds it."""
