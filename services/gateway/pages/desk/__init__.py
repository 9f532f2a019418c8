"""The desk of a department.

``routes.py`` serves the queue and the search, ``decisions.py`` one application and what is decided about it,
``capacity.py`` the visiting hours, and ``numbers.py`` the numbers. ``queue.py`` holds the filters of the
queue and its parts.
"""
