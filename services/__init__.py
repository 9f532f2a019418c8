"""The services: six nameko ones with a database each, the gateway without, and the chassis they all stand on."""
