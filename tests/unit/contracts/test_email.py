"""Which texts are email addresses: only what a mail header can hold as one recipient."""

from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.email import is_email


@pytest.mark.parametrize(
    "text", ["a@b.in", "first.last+pass@sub.punjab.gov.in", "o'brien@x-y.example", f"{'a' * 64}@b.in"]
)
def test_an_address_as_people_have_it_is_taken(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@b",
        "@b.in",
        "a@b.in ",
        "a@b.in\n",
        "a b@c.in",
        ":;@b.in",
        "():@b.in",
        "root,me@b.in",
        "<a@b.in",
        '"a"@b.in',
        "a@b@c.in",
        ".a@b.in",
        "a.@b.in",
        "a..b@c.in",
        "a@.in",
        "a@b..in",
        "a@-b.in",
        "a@b-.in",
        "=?utf-8?q?=0D=0ABcc:x?=@b.in",
        "=?utf-8?q?root?=@b.in",
        f"{'a' * 65}@b.in",
        f"a@{'b.' * 130}in",
        "ਪੰਜਾਬ@b.in",
    ],
)
def test_what_a_mail_header_would_read_otherwise_is_refused(text: str) -> None:
    assert not is_email(text)


@given(st.from_regex(r"[!-~]{1,12}@[a-z]{1,3}\.in", fullmatch=True))
def test_an_address_that_is_taken_is_one_recipient_as_it_stands(text: str) -> None:
    if is_email(text):
        assert Address(addr_spec=text).addr_spec == text
