"""The desk of a department.

``routes.py`` serves the queue and the search, ``decisions.py`` one application and what is decided about it,
``queue.py`` holds the filters of the queue and its parts.
"""
