"""What may look into all services: the command line `epass`, the exporter, invariants and dead letters."""
