"""Free text of staff: no link, no sign that turns its direction; ordinary words of three scripts stay."""

import pytest

from contracts.characters import has_misleading_sign
from contracts.free_text import note_problem


@pytest.mark.parametrize(
    "words",
    [
        "Pay your re-booking fee: https://epass-punjab.in/pay",
        "Pay at WWW.epass-punjab.example",
        "Pay at epass-punjab.in",
        "Pay at Epass-Punjab.In",
        "Pay at epass-punjab\uff0ein\uff0fpay",
        "Pay at epass-punjab\u3002in",
        "upi://pay?pa=fee@bank",
        "Write to fee@epass-punjab.in",
    ],
)
def test_what_a_phone_shows_as_a_link_is_found(words: str) -> None:
    assert note_problem(words) == "link"


@pytest.mark.parametrize("sign", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"])
def test_a_sign_that_turns_the_direction_or_ends_the_line_is_found(sign: str) -> None:
    assert note_problem(f"Back on{sign} Monday") == "control_character"


@pytest.mark.parametrize(
    "words",
    [
        "",
        "The Secretary is called to the Assembly. Come on Monday, 10.30 a.m. to 1 p.m.\nS.C.O. 40",
        "Ask Sh.Gurpreet Singh, Dr.Kaur or the Asstt.Engineer (M.Sc.) of the Pb.Govt.",
        "Call 0172-2740000, e.g. at 11:30 (extension 4/21).",
        "ਸਕੱਤਰ ਸਾਹਿਬ ਵਿਧਾਨ ਸਭਾ ਗਏ ਹਨ। ਸੋਮਵਾਰ ਨੂੰ 10.30 ਵਜੇ ਆਓ।",
        "सचिव विधान सभा गए हैं। सोमवार को आइए, प्रो.शर्मा क्\u200dष मिलेंगे।",
    ],
)
def test_ordinary_words_stay(words: str) -> None:
    assert note_problem(words) is None
    assert not has_misleading_sign(words)
