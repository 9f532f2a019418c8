"""e-Pass on Kubernetes: what is generated for it."""
