"""Applying for a visit: about the applicant, the department, the visit, and a page to check all of it.

``routes.py`` serves the questions, ``companions.py`` the companions, and ``submission.py`` the check and
the sending. ``form_session.py`` saves what was typed. Which questions there are is in
``shared/questions.py``.
"""
