"""RPC calls to the services over the broker, in nameko's protocol, without nameko: ``client`` calls, ``connection`` carries."""
