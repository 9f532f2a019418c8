"""The whole of e-Pass on one machine, without root services and without containers.

``make run`` and the integration tests start the same private PostgreSQL and private RabbitMQ from here,
each with ports, names, users and a folder of its own, so that any number of them live side by side.

The installations in containers share four modules of it: what a service may do at the broker
(``permissions.py``) and at the databases (``access.py``), secrets and first logins.
"""
