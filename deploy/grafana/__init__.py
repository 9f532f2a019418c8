"""What people see of Prometheus' numbers: one dashboard, as code, and the files with which Grafana finds it."""
