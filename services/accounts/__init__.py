"""Who may act: staff logins issued by the ADO Branch, one-time codes to mobiles, and the sessions of both.

Its session tokens are checked everywhere with a public key alone, so that this service being down logs nobody out.
"""
