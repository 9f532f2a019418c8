"""What every service is built on. Each package imports only packages of the ranks below its own.

``process``, ``rpc``, ``audit``, ``keys`` and ``messaging``, ``db``, ``runtime``, ``tokens``: from the highest
rank to the lowest. The chassis knows the contracts and no service. One file holds one concern.
"""
