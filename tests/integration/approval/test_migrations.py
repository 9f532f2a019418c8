"""What an upgrade makes of the rows that an older version stored."""

import json
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from contracts.model import IST
from services.chassis.runtime.clock import now
from tests.support.databases import owner_of
from tests.support.factories.approval import slot
from tests.support.paths import ROOT

REVIEW = text("""
insert into reviews (id, application_id, reference, revision, status, site, department, submitted_at,
  waiting_since, escalated, name, name_latin, details, personal)
values (:id, :id, 'R', 2, :status, 'T1', 'home', :submitted, :waiting, 0, '', '',
  cast(:details as jsonb), '{}')
""")
DECISION = text("""
insert into decisions (review_id, number, revision, status, department, decided_by, decided_at, note, slot,
  entries, vehicle_allowed)
values (:id, :number, :revision, :status, 'home', 'HOM-0001', :at, '', cast(:slot as jsonb), 1, false)
""")


def test_visits_approved_before_take_their_places_and_earlier_decisions_are_counted(databases) -> None:
    """The history up to revision 0005, in a schema of its own, with rows as that version stored them."""
    url = owner_of(databases["approval"]).engine.url.render_as_string(hide_password=False)
    url += f"{'&' if '?' in url else '?'}options={quote('-csearch_path=before')}"
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", str(ROOT / "services/approval/migrations"))
    config.attributes["url"] = url
    at = now().replace(microsecond=0)
    coming, over, withdrawn = uuid4(), uuid4(), uuid4()
    tomorrow = at.astimezone(IST).date() + timedelta(days=1)
    wanted = slot(tomorrow).model_dump(mode="json")
    past = slot(tomorrow - timedelta(days=9)).model_dump(mode="json")
    with engine.begin() as connection:
        connection.execute(text("create schema before"))
    try:
        command.upgrade(config, "0005")
        with engine.begin() as connection:
            for one, status, visit in (
                (coming, "approved", wanted),
                (over, "approved", past),
                (withdrawn, "withdrawn", wanted),
            ):
                facts = {"submitted": at - timedelta(days=3), "waiting": at - timedelta(hours=5)}
                details = json.dumps({"party": 3, "preferred": [visit]})
                connection.execute(REVIEW, {"id": one, "status": status, "details": details, **facts})
                first = {"number": 1, "revision": 1, "status": "returned", "slot": None}
                second = {"number": 2, "revision": 2, "status": "approved", "slot": json.dumps(visit)}
                for decision in (first, second):
                    connection.execute(DECISION, {"id": one, "at": at, **decision})
        command.upgrade(config, "head")
        with engine.begin() as connection:
            bookings = connection.execute(text("select review_id, day, party from bookings")).all()
            counted = connection.execute(
                text(
                    "select number, waited_from, before_visit from decisions where review_id = :id order by 1"
                ),
                {"id": coming},
            ).all()
            late = connection.execute(
                text("select distinct before_visit from decisions where review_id = :id"), {"id": over}
            ).scalar_one()
            versions = connection.execute(text("select count(*) from reference_versions")).scalar_one()
    finally:
        with engine.begin() as connection:
            connection.execute(text("drop schema before cascade"))
        engine.dispose()
    assert [tuple(one) for one in bookings] == [(coming, tomorrow, 3)]
    assert [tuple(one) for one in counted] == [
        (1, at - timedelta(days=3), True),
        (2, at - timedelta(hours=5), True),
    ]
    assert late is False
    assert versions == 1, "else nothing is kept in memory until the first change"
