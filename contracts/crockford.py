"""References and pass numbers in Crockford base32. The last character is a check character.

The alphabet has no I, L, O or U; I and L are read as 1, O as 0. The check is Luhn modulo 32, which finds
every single wrong character and nearly every swap of neighbours.
"""

import secrets

from stdnum import luhn

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "-": "", " ": "", "\u2013": "", "\u00a0": ""})


def new_pass_number() -> str:
    """Return eight random characters such as ``7K3M9QW4``: 35 bits and the check character.

    The caller makes sure that the number is not taken.
    """
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + luhn.calc_check_digit(body, ALPHABET)


def new_reference() -> str:
    """Return a reference such as ``PCS-7K3M-9QW4``."""
    code = new_pass_number()
    return f"PCS-{code[:4]}-{code[4:]}"


def new_request_number() -> str:
    """Return the number of a complaint or another request, such as ``REQ-7K3M-9QW4``."""
    return f"REQ{new_reference()[3:]}"


def parse_pass_number(text: str) -> str:
    """Return the canonical form of a typed pass number, whatever its case, spaces, hyphens and look-alikes.

    Raises:
        ValueError: the text is not eight characters of the alphabet, or the check character is wrong.
    """
    code = text.strip().upper().translate(_READ_AS)
    if len(code) != LENGTH or not luhn.is_valid(code, ALPHABET):
        raise ValueError("not a pass number")
    return code


def parse_reference(text: str, prefix: str = "PCS") -> str:
    """Return the canonical form of a typed reference, with or without ``PCS-``, or another prefix.

    Raises:
        ValueError: as for :func:`parse_pass_number`.
    """
    compact = text.strip().upper().translate(_READ_AS)
    code = parse_pass_number(
        compact[3:] if len(compact) == LENGTH + 3 and compact.startswith(prefix) else compact
    )
    return f"{prefix}-{code[:4]}-{code[4:]}"


def parse_request_number(text: str) -> str:
    """Return the canonical form of a typed number of a request; as :func:`parse_reference`."""
    return parse_reference(text, "REQ")
