"""The texts of the site as the ADO Branch writes them: no change lost, and who changed what."""

from base64 import b64decode, b64encode
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from contracts.errors import Conflict, Forbidden, InvalidInput
from contracts.rpc.approval.site_texts import Emblem, PutEmblem, PutSiteText, SiteText
from contracts.rpc.call import Call, Principal
from services.approval.handlers import site_texts
from services.approval.models.directory import LineChangeRow
from tests.support.factories.approval import NOW

ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
OTHER = Principal(kind="staff", id="ADO-0002", login_id="ADO-0002", role="ado")
CLERK = Principal(kind="staff", id="HOM-0001", login_id="HOM-0001", role="department", department="home")
OWNED = {"en": "A website of Punjab", "pa": "ਪੰਜਾਬ ਦੀ ਵੈੱਬਸਾਈਟ", "hi": "पंजाब की वेबसाइट"}
HELP = {"en": "# Help\r\n\r\nAsk.", "pa": "", "hi": " \n"}


@pytest.fixture
def approval_db(databases):
    return databases["approval"]


def put(
    database: Any, words: Any, was: str = "", name: Any = "ownership", by: Principal = ADO, late: int = 0
) -> None:
    with database.transaction() as session:
        request, at = PutSiteText(name=name, words=words, was=was), NOW + timedelta(minutes=late)
        site_texts.put(request, Call(principal=by, deadline=NOW), session, at)


def stored(database: Any) -> dict[str, SiteText]:
    with database.transaction() as session:
        return {one.name: one for one in site_texts.view(session).items}


def test_a_text_is_kept_with_who_wrote_it_until_it_is_emptied(approval_db) -> None:
    put(approval_db, OWNED)
    put(approval_db, HELP, name="help", by=OTHER)
    kept = stored(approval_db)
    assert (kept["ownership"].words, kept["ownership"].set_by) == (OWNED, "ADO-0001")
    assert (kept["help"].words, kept["help"].set_by) == ({"en": "# Help\n\nAsk."}, "ADO-0002")
    put(approval_db, dict.fromkeys(OWNED, ""), kept["ownership"].revision, by=OTHER)
    assert set(stored(approval_db)) == {"help"}
    with approval_db.transaction() as session:
        rows = session.scalars(select(LineChangeRow).order_by(LineChangeRow.id)).all()
        changes = [(row.record, row.changed_by, row.before, row.after) for row in rows]
    assert changes == [
        ("texts/ownership", "ADO-0001", None, OWNED),
        ("texts/help", "ADO-0002", None, {"en": "# Help\n\nAsk."}),
        ("texts/ownership", "ADO-0002", OWNED, None),
    ]


def test_nobody_overwrites_what_they_have_not_seen(approval_db) -> None:
    put(approval_db, OWNED)
    read = stored(approval_db)["ownership"].revision
    put(approval_db, OWNED | {"en": "Another"}, read, by=OTHER, late=1)
    for was in ("", read):
        with pytest.raises(Conflict) as refused:
            put(approval_db, OWNED, was, late=2)
        assert (refused.value.body.code, refused.value.body.facts) == (
            "changed_meanwhile",
            {"by": "ADO-0002"},
        )
    assert stored(approval_db)["ownership"].words["en"] == "Another"


def test_only_the_ado_branch_writes_them(approval_db) -> None:
    with pytest.raises(Forbidden):
        put(approval_db, OWNED, by=CLERK)
    assert stored(approval_db) == {}


def test_an_emblem_is_kept_apart_from_the_texts_until_it_is_removed(approval_db) -> None:
    def send(picture: str, was: str = "", by: Principal = ADO) -> Emblem:
        request = PutEmblem(picture=picture, was=was)
        return site_texts.put_emblem(request, Call(principal=by, deadline=NOW), approval_db, NOW)

    made = BytesIO()
    Image.new("RGB", (300, 300)).save(made, "JPEG")
    picture = b64encode(made.getvalue()).decode()
    kept = send(picture)
    assert b64decode(kept.png).startswith(b"\x89PNG")
    assert kept.set_by == "ADO-0001"
    put(approval_db, OWNED)
    assert set(stored(approval_db)) == {"ownership"}
    with pytest.raises(Conflict):
        send(picture, by=OTHER)
    with pytest.raises(Forbidden):
        send("", kept.revision, by=CLERK)
    with pytest.raises(InvalidInput):
        send("AAAA", kept.revision)
    assert send("", kept.revision, by=OTHER) == Emblem()
    with approval_db.transaction() as session:
        rows = session.scalars(select(LineChangeRow).where(LineChangeRow.record == "texts/emblem")).all()
        assert [row.changed_by for row in rows] == ["ADO-0001", "ADO-0002"]
        assert len(rows[0].after["png"]) == 64, "a digest, and not the picture"


def test_all_texts_together_fit_into_a_message_and_what_becomes_shorter_is_kept(
    approval_db, monkeypatch
) -> None:
    long = {"en": "# " + "x" * 5_500, "pa": "# " + "ਮ" * 5_000}
    for name in ("contact", "privacy", "accessibility", "terms", "service"):
        put(approval_db, {"pa": "# " + "ਮ" * 5_900, "hi": "# " + "म" * 3_000}, name=name)
    with pytest.raises(InvalidInput) as refused:
        put(approval_db, long, name="help")
    assert [(one.field, one.code) for one in refused.value.body.fields] == [("text_pa", "all_too_long")]
    assert "help" not in stored(approval_db)
    monkeypatch.setattr(site_texts, "MOST_BYTES", 600)  # as where more was stored before
    put(approval_db, {"pa": "# ਮਦਦ"}, stored(approval_db)["terms"].revision, name="terms")
    assert stored(approval_db)["terms"].words == {"pa": "# ਮਦਦ"}
