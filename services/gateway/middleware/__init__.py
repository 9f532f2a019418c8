"""What every HTTP request passes through before its route: one ASGI middleware a module.

``app.py`` puts them in order.
"""
