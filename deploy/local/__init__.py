"""The whole of e-Pass on one machine, without root services and without containers.

``make run`` and the integration tests start the same private PostgreSQL and private RabbitMQ from here,
each with ports, names, users and a folder of its own, so that any number of them live side by side.
"""
