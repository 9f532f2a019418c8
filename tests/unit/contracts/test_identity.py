"""No Aadhaar number stays in free text, however it is divided, in whatever script, behind whatever signs."""

import json
import re
import unicodedata
from datetime import date, time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import verhoeff
from stdnum.in_ import aadhaar

from contracts.identity import mask_aadhaar
from tests.support.stack.paths import ROOT

SCRIPTS = [chr(code) for code in range(0x20000) if unicodedata.decimal(chr(code), None) == 0]
"""The zero of each script: the digits of one follow one another."""
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\U000e0020\u034f\ufe0f\u3164\u115f\u0640\u07fa"
DIVIDERS = "/_,·()[]|:;*#+='\"~\u00a0\u2009\u2011\u2013\u2022\u0964 -.\n\t"
CASES = json.loads((ROOT / "contracts/samples/masked_texts.json").read_text(encoding="utf-8"))
eleven = st.from_regex(r"[2-9][0-9]{10}", fullmatch=True, alphabet="0123456789")
divider = st.one_of(
    st.just(""), st.text(DIVIDERS, max_size=3), st.text(" -.", max_size=9), st.text(INVISIBLE, max_size=4)
)
LIKE_A_DATE = re.compile(r"(19|20)\d\d[-/.]|[-/.](19|20)\d\d")


@st.composite
def hidden(draw: st.DrawFn) -> tuple[str, str]:
    """Draw an Aadhaar number, and how somebody typed it."""
    first = draw(eleven)
    digits = first + verhoeff.calc_check_digit(first)
    assume(aadhaar.is_valid(digits))
    zero = draw(st.sampled_from(SCRIPTS))
    dividers = draw(st.lists(divider, min_size=11, max_size=11))
    typed = "".join(chr(ord(zero) + int(d)) + gap for d, gap in zip(digits, [*dividers, ""], strict=True))
    return digits, typed


@given(hidden(), st.text("abਕक, ", max_size=5), st.text("abਕक, ", max_size=5))
def test_a_number_is_masked_however_it_is_written(number: tuple[str, str], before: str, after: str) -> None:
    digits, typed = number
    assume(not LIKE_A_DATE.search(unicodedata.normalize("NFKC", typed)))
    assert mask_aadhaar(before + typed + after) == (f"{before}XXXX XXXX {digits[-4:]}{after}", True)


@given(
    eleven,
    st.text("0123456789", min_size=1, max_size=4),
    st.integers(0, 4),
    st.sampled_from(["", " ", "-", "/"]),
)
def test_a_number_with_up_to_four_digits_beside_it_is_masked(
    first: str, more: str, at: int, gap: str
) -> None:
    digits = first + verhoeff.calc_check_digit(first)
    assume(aadhaar.is_valid(digits))
    whole = more[:at] + digits + more[at:]
    typed = gap.join(whole[n : n + 4] for n in range(0, len(whole), 4))
    assume(not LIKE_A_DATE.search(typed))
    masked, found = mask_aadhaar(typed)
    assert found
    assert len(re.sub(r"\D", "", masked)) <= 8, "four digits of it, and what stands beside it"


@given(st.text("0123456789 -/.,:()+\u200babਕ੧੨", max_size=60))
def test_what_is_masked_once_stays_as_it_is(text: str) -> None:
    masked, _ = mask_aadhaar(text)
    assert mask_aadhaar(masked) == (masked, False)


@pytest.mark.parametrize(("text", "masked"), CASES)
def test_the_table_that_the_app_of_the_gate_shares(text: str, masked: str) -> None:
    assert mask_aadhaar(text) == (masked, masked != text)


OTHERS = (
    "between 2026-12-01 10:30 and 2026-12-05 12:45", "01/12/2026 - 05/12/2026, 10:30",
    "letter 15/234/2026-IV/6789", "call +91 98765 43211 or +91-98765-43212", "98765 43210, 98123 45678",
    "PCS-7K3M-9QWX and 7K3M9QW4", "account 123456789012345678",
)  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_dates_references_and_mobiles_with_their_country_stay(text: str) -> None:
    assert mask_aadhaar(text) == (text, False)


@given(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.times(),
    st.from_regex(r"[6-9][0-9]{9}", fullmatch=True, alphabet="0123456789"),
)
def test_no_day_with_its_hour_and_no_mobile_with_its_country_is_taken_for_one(
    day: date, at: time, mobile: str
) -> None:
    text = f"{day:%Y-%m-%d} {at:%H:%M}, {day:%d/%m/%Y} {at:%H:%M:%S}, +91 {mobile[:5]} {mobile[5:]}"
    assert mask_aadhaar(text) == (text, False)
