"""The privacy notice is kept by its versions, each as it was first shown, and anybody may read it."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from contracts.errors import NotFound
from contracts.model import Language
from contracts.rpc.notices import NoticeQuestion, NoticeText, NoticeTexts, ShownNotice
from services.application.handlers import notices
from services.application.metrics import NOTICES_DIFFER
from services.application.models import NoticeRow
from tests.support.factories.application import NOW, Desk

LANGUAGES: tuple[Language, ...] = ("en", "hi", "pa")


def saying(body: str) -> NoticeTexts:
    words = {"title": "Privacy", "short": "We use it.", "kept": ("180 days",), "law": ("Section 7",)}
    return NoticeTexts(texts={one: NoticeText(language=one, body=body, **words) for one in LANGUAGES})


def record(desk: Desk, notice: NoticeTexts, days: int = 0) -> None:
    with desk.database.transaction() as session:
        notices.record(notice, session, NOW + timedelta(days=days))


def view(desk: Desk, version: str) -> ShownNotice:
    with desk.database.transaction() as session:
        return notices.view(NoticeQuestion(version=version), session)


def test_a_version_is_kept_once_with_the_day_on_which_it_was_first_shown(desk: Desk) -> None:
    first, second = saying("Old"), saying("New")
    record(desk, first)
    record(desk, second, days=1)
    record(desk, first, days=2)
    shown = view(desk, first.version)
    assert (shown.texts, shown.first_shown, shown.version) == (first.texts, NOW, first.version)
    assert view(desk, second.version).texts["pa"].body == "New"
    with pytest.raises(NotFound):
        view(desk, "0123456789ab")


def test_a_version_has_so_many_digits_that_nobody_makes_up_another_text_with_it(desk: Desk) -> None:
    assert len(saying("New").version) == 32
    with desk.database.transaction() as session:
        said = notices.record(saying("New"), session, NOW)
    assert said.version == saying("New").version


def test_a_version_of_twelve_digits_is_still_read(desk: Desk) -> None:
    """As the releases until 0.28 stored it, and as one of their gateways showed it during an upgrade."""
    stored, shown = saying("Stored by 0.28"), saying("Shown by 0.28")
    with desk.database.transaction() as session:
        texts = stored.model_dump(mode="json")["texts"]
        session.add(NoticeRow(version=stored.version[:12], texts=texts, first_shown=NOW))
    record(desk, shown)
    record(desk, stored, days=1)
    assert view(desk, stored.version[:12]).first_shown == NOW
    assert view(desk, shown.version[:12]).texts["en"].body == "Shown by 0.28"
    for unknown in ("0123456789ab", shown.version[:11], shown.version[:13]):
        with pytest.raises(NotFound):
            view(desk, unknown)


def test_other_texts_under_a_version_that_is_stored_are_counted_and_do_not_replace_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, before = saying("Old"), NOTICES_DIFFER._value.get()
    record(desk, first)
    record(desk, first)
    assert NOTICES_DIFFER._value.get() == before
    monkeypatch.setattr(NoticeTexts, "version", first.version)
    record(desk, saying("Made up"))
    assert NOTICES_DIFFER._value.get() == before + 1
    assert view(desk, first.version).texts["en"].body == "Old"


@pytest.mark.parametrize("long", [{"body": "x" * 100_001}, {"kept": ("x",) * 21}, {"law": ("x" * 100_001,)}])
def test_a_notice_of_any_length_is_not_stored(long: dict) -> None:
    with pytest.raises(ValidationError):
        NoticeText(**{**saying("Old").texts["en"].model_dump(), **long})
