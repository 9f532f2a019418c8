"""How many parts an SMS takes (3GPP TS 23.038): one character outside GSM 7 bit makes the whole text UCS-2."""

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
"""These take two places each."""


def is_gsm(text: str) -> bool:
    """Whether the text fits the 7 bit alphabet."""
    return all(char in GSM_BASIC or char in GSM_EXTENDED for char in text)


def sms_parts(text: str) -> int:
    """Parts that are paid for: 160 places alone and 153 a part in GSM 7 bit, 70 and 67 UTF-16 units in UCS-2."""
    if is_gsm(text):
        places, alone, each = len(text) + sum(char in GSM_EXTENDED for char in text), 160, 153
    else:
        places, alone, each = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if places <= alone else -(-places // each)
