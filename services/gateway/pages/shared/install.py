"""With which icons a device installs a page: the portal on a phone's first screen, the gate's app."""

ICONS_TO_INSTALL = [
    {"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
    {"src": "/static/icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
    {"src": "/static/icons/icon-512.png", "sizes": "512x512", "type": "image/png"},
    {
        "src": "/static/icons/maskable-512.png",
        "sizes": "512x512",
        "type": "image/png",
        "purpose": "maskable",
    },
]
"""The ``icons`` of a web app manifest (https://www.w3.org/TR/appmanifest/#icons-member)."""
