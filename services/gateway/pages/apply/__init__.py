"""Applying for a visit, one question per page.

``routes.py`` serves the questions, ``companions.py`` the companions, and ``submission.py`` the check and
the sending. ``form_session.py`` saves what was typed. Which questions there are is in
``shared/questions.py``.
"""
