"""The pages after applying: the history, one application with its timeline and pass, and its changes.

``routes.py`` serves what is read, ``edit.py`` what is changed, ``detail.py`` builds the page of one
application, ``form.py`` fills forms from an application that was sent, and ``my_data.py`` shows, copies and
erases what is kept of an applicant.
"""
