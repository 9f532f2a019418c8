"""Applying for a visit, one question a page. ``questions.py`` says what is asked and in which order, ``form.py`` makes of
the answers what the application service takes, ``routes.py`` serves the pages.
"""
