"""The ID commitment in a pass, by which a gate can match an ID although the QR code holds no ID number.

It is meant for a gate without a network. It is an HMAC-SHA256 over ID type and last four characters, cut to 8
bytes. Its key is derived for each pass from a master that only issuance and verify hold. Eight bytes are
enough, because anybody who has the key can guess four characters anyway.
"""

import base64
import hashlib
import hmac


def commitment_key(master: str, pass_number: str) -> bytes:
    """Return the key of one pass (32 bytes), which a gate may hold."""
    return hmac.new(master.encode(), f"epass-idc:{pass_number}".encode(), hashlib.sha256).digest()


def commit(key: bytes, id_type: str, last4: str) -> str:
    """Return the commitment: base64url of 8 bytes, 11 characters without padding."""
    digest = hmac.new(key, f"{id_type}:{last4}".encode(), hashlib.sha256).digest()[:8]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
