"""What every HTTP request and response passes through: server, connections, middleware, limits, problems.

A middleware is one ASGI class a module; ``app.py`` puts them in order.
"""
