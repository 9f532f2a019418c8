"""Six nameko services with a database each, the gateway without one, and the chassis that all of them use."""
