"""The page of a pass behind the link of its message. ``routes.py`` serves it, ``facts.py`` finds what it says besides the
pass, ``visit_calendar.py`` makes the file for a calendar.
"""
