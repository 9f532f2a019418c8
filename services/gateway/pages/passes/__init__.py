"""The page of a pass behind the link of its message.

``routes.py`` serves it, ``facts.py`` collects the facts around the pass, and ``visit_calendar.py`` writes
the file for a calendar.
"""
