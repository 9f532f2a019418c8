"""What may know all services: the command line `epass`, the exporter, invariants and dead letters."""
