"""The names of the cookies that hold sessions: of people, operators, kiosks and gate devices."""


def cookie_name(public_url: str, name: str) -> str:
    """Return the whole name of a cookie: over HTTPS the ``__Host-`` one (RFC 6265bis).

    No other host and no plain connection can have set that one.
    """
    return f"__Host-{name}" if public_url.startswith("https://") else name


def session_cookie(public_url: str) -> str:
    """Return the name of the session cookie."""
    return cookie_name(public_url, "session")


def operator_cookie(public_url: str) -> str:
    """Return the name of the cookie of an operator who applies for others.

    It lies beside the session cookie of the visitor whose mobile is proved.
    """
    return cookie_name(public_url, "operator")


def gate_device_cookie(public_url: str) -> str:
    """Return the name of the cookie that makes a browser the device of a gate."""
    return cookie_name(public_url, "gate_device")


def kiosk_cookie(public_url: str) -> str:
    """Return the name of the cookie that makes a browser a kiosk."""
    return cookie_name(public_url, "kiosk")
