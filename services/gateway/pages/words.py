"""What the pass page says, in the three languages of its visitors."""

from contracts.model import Language, date

Words = dict[str, str]

WORDS: dict[Language, Words] = {
    "pa": {
        "title": "ਦਾਖ਼ਲਾ ਪਾਸ",
        "number": "ਪਾਸ ਨੰਬਰ",
        "name": "ਨਾਂ",
        "party": "ਕੁੱਲ ਵਿਅਕਤੀ",
        "date": "ਮਿਤੀ",
        "window": "ਸਮਾਂ",
        "site": "ਸਥਾਨ",
        "gate": "ਗੇਟ",
        "any_gate": "ਕੋਈ ਵੀ ਗੇਟ",
        "carry": "ਇਹ ਅਸਲ ਪਛਾਣ ਪੱਤਰ ਨਾਲ ਲਿਆਓ",
        "carry_any": "ਕੋਈ ਅਸਲ ਪਛਾਣ ਪੱਤਰ ਨਾਲ ਲਿਆਓ",
        "show": "ਗੇਟ ਉੱਤੇ ਇਹ QR ਕੋਡ ਦਿਖਾਓ। ਫ਼ੋਨ ਨਾ ਚੱਲੇ ਤਾਂ ਪਾਸ ਨੰਬਰ ਦੱਸੋ।",
        "expired": "ਇਸ ਪਾਸ ਦੀ ਮਿਆਦ ਲੰਘ ਚੁੱਕੀ ਹੈ",
        "revoked": "ਇਹ ਪਾਸ ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ",
        "replaced": "ਇਸ ਦੀ ਥਾਂ ਨਵਾਂ ਪਾਸ ਜਾਰੀ ਕੀਤਾ ਗਿਆ ਹੈ। ਨਵਾਂ ਸੁਨੇਹਾ ਵੇਖੋ।",
        "not_found": "ਇਸ ਲਿੰਕ ਉੱਤੇ ਕੋਈ ਪਾਸ ਨਹੀਂ ਹੈ। ਸੁਨੇਹੇ ਵਿਚਲਾ ਪੂਰਾ ਲਿੰਕ ਖੋਲ੍ਹੋ।",
        "unavailable": "ਇਸ ਵੇਲੇ ਪਾਸ ਨਹੀਂ ਦਿਖਾਇਆ ਜਾ ਸਕਦਾ। ਥੋੜ੍ਹੀ ਦੇਰ ਬਾਅਦ ਮੁੜ ਕੋਸ਼ਿਸ਼ ਕਰੋ। ਸੁਨੇਹੇ ਵਾਲਾ ਪਾਸ ਨੰਬਰ ਵੀ ਗੇਟ ਉੱਤੇ ਚੱਲਦਾ ਹੈ।",
        "aadhaar": "ਆਧਾਰ ਕਾਰਡ",
        "driving_licence": "ਡਰਾਈਵਿੰਗ ਲਾਇਸੈਂਸ",
        "voter_id": "ਵੋਟਰ ਕਾਰਡ",
        "passport": "ਪਾਸਪੋਰਟ",
        "pan": "ਪੈਨ ਕਾਰਡ",
        "government_id": "ਸਰਕਾਰੀ ਪਛਾਣ ਪੱਤਰ",
        "other_photo_id": "ਫ਼ੋਟੋ ਵਾਲਾ ਪਛਾਣ ਪੱਤਰ",
    },
    "hi": {
        "title": "प्रवेश पास",
        "number": "पास नंबर",
        "name": "नाम",
        "party": "कुल व्यक्ति",
        "date": "तारीख़",
        "window": "समय",
        "site": "स्थान",
        "gate": "गेट",
        "any_gate": "कोई भी गेट",
        "carry": "यह असली पहचान पत्र साथ लाएँ",
        "carry_any": "कोई असली पहचान पत्र साथ लाएँ",
        "show": "गेट पर यह QR कोड दिखाएँ। फ़ोन न चले तो पास नंबर बताएँ।",
        "expired": "इस पास की अवधि समाप्त हो चुकी है",
        "revoked": "यह पास रद्द कर दिया गया है",
        "replaced": "इसके स्थान पर नया पास जारी किया गया है। नया संदेश देखें।",
        "not_found": "इस लिंक पर कोई पास नहीं है। संदेश में दिया पूरा लिंक खोलें।",
        "unavailable": "अभी पास नहीं दिखाया जा सकता। थोड़ी देर बाद फिर कोशिश करें। संदेश वाला पास नंबर भी गेट पर मान्य है।",
        "aadhaar": "आधार कार्ड",
        "driving_licence": "ड्राइविंग लाइसेंस",
        "voter_id": "वोटर कार्ड",
        "passport": "पासपोर्ट",
        "pan": "पैन कार्ड",
        "government_id": "सरकारी पहचान पत्र",
        "other_photo_id": "फ़ोटो वाला पहचान पत्र",
    },
    "en": {
        "title": "Entry pass",
        "number": "Pass number",
        "name": "Name",
        "party": "Persons",
        "date": "Date",
        "window": "Time",
        "site": "Place",
        "gate": "Gate",
        "any_gate": "Any gate",
        "carry": "Carry this ID proof, the original",
        "carry_any": "Carry an original ID proof",
        "show": "Show this QR code at the gate. If the phone fails, say the pass number.",
        "expired": "This pass has expired",
        "revoked": "This pass has been revoked",
        "replaced": "A new pass was issued in its place. Look at the newer message.",
        "not_found": "There is no pass behind this link. Open the whole link of the message.",
        "unavailable": "The pass cannot be shown just now. Try again in a moment. The pass number in the message works at the gate too.",
        "aadhaar": "Aadhaar card",
        "driving_licence": "Driving licence",
        "voter_id": "Voter ID card",
        "passport": "Passport",
        "pan": "PAN card",
        "government_id": "Government ID card",
        "other_photo_id": "Photo ID card",
    },
}  # fmt: skip

_MONTHS: dict[Language, str] = {
    "pa": "ਜਨਵਰੀ ਫ਼ਰਵਰੀ ਮਾਰਚ ਅਪ੍ਰੈਲ ਮਈ ਜੂਨ ਜੁਲਾਈ ਅਗਸਤ ਸਤੰਬਰ ਅਕਤੂਬਰ ਨਵੰਬਰ ਦਸੰਬਰ",
    "hi": "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    "en": "January February March April May June July August September October November December",
}


def long_date(day: date, language: Language) -> str:
    """A date in words: ``1 December 2026``."""
    return f"{day.day} {_MONTHS[language].split()[day.month - 1]} {day.year}"
