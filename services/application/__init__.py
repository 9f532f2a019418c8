"""Applications for a visit: submit, check, amend and cancel them, and show their status.

It owns each application with its timeline, an applicant's history and a copy of the directory. It publishes
what an applicant or the counter does with an application, and learns from other services' events what happens
to it elsewhere.
"""
