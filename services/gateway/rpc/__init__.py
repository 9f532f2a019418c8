"""Calls to the services over the broker, in nameko's protocol but without nameko.

The exporter is asked over HTTP, because it has to answer without the broker.
"""
