"""The commands of `epass` that look into all services, one module each."""
