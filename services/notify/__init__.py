"""Messages to people: templates in three languages, the channels that carry them, and the outcome of each.

A consumer only stores a message. The sender, a process of its own (`epass sender`), leases what is due, calls
the channel while no transaction is open, and records the outcome together with its event.
"""
