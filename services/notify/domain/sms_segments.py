"""How many segments an SMS takes (3GPP TS 23.038).

One character outside the GSM 7 bit alphabet makes the whole text UCS-2.
"""

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Each of these characters takes two places."""


def is_gsm(text: str) -> bool:
    """Return whether the text fits the GSM 7 bit alphabet."""
    return all(char in GSM_BASIC or char in GSM_EXTENDED for char in text)


def count_units(text: str) -> int:
    """Return how many UTF-16 units a text takes, of which UCS-2 has 70 in a segment."""
    return len(text.encode("utf-16-le")) // 2


def count_segments(text: str) -> int:
    """Return the number of billed segments.

    GSM 7 bit has 160 places in a single segment and 153 in each of several; UCS-2 has 70 and 67 UTF-16 units.
    """
    if is_gsm(text):
        places, single, each = len(text) + sum(char in GSM_EXTENDED for char in text), 160, 153
    else:
        places, single, each = count_units(text), 70, 67
    return 1 if places <= single else -(-places // each)
