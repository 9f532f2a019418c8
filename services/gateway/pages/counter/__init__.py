"""The reception counter.

``routes.py`` serves the pages, ``form.py`` turns the form of a walk-in into a request for the application
service, and ``party.py`` reads a pasted list of companions.
"""
