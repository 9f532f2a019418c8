"""The reception counter. ``routes.py`` serves the operator's one page and what follows from it, ``form.py`` makes of a
walk-in's form what the application service takes, ``party.py`` reads a pasted list of companions.
"""
