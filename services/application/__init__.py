"""Applications for a visit: taking them in, checking them, amending and cancelling them, and telling what became of them.

It owns each application with its timeline, an applicant's history and a copy of the directory. It says what happened to
an application at the applicant's hands, and learns from the other services' events what happened to it elsewhere.
"""
