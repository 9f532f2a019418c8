"""The gate's app: scans with the camera, and goes on when the network is gone.

``routes.py`` serves it, ``texts.py`` has what it says. The app itself is in ``web/gate``.
"""
