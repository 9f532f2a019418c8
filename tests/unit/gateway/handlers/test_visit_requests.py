"""Each command that asks for a visit is refused where the department has no place, by one rule, and where it
wants email that this installation does not send."""

from datetime import date, datetime, time
from typing import Any

import pytest

from contracts.errors import NotFound, Unavailable
from contracts.model import IST
from contracts.rpc.application import Acknowledged, Invited
from contracts.rpc.approval.capacity import Availability
from services.gateway.handlers import visit_requests
from tests.support.factories.gateway import REFERENCE, TableClient, browsing, claims, signed
from tests.support.factories.pages import APPLICATION
from tests.support.system.actors import application, today

DAY, NEXT_DAY = today(5), today(6)
SLOT = {"date": DAY, "from": "10:00", "to": "12:00"}
OTHER_DAY = {"date": NEXT_DAY, "from": "10:00", "to": "12:00"}
TAKEN = Acknowledged(reference=REFERENCE, status="submitted")
GUEST = {"name": "Ravi Kumar"}
INVITATION = {
    "site": "PCS1",
    "purpose_kind": "meeting",
    "purpose": "Budget",
    "slot": SLOT,
    "visitors": [GUEST],
}
ALONE = application(preferred=[SLOT], companions=[])
COMMANDS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "applicant": ("/applications", "application.submit", ALONE, "preferred.0"),
    "reception": ("/counter/applications", "application.submit_at_counter", ALONE, "preferred.0"),
    "department": ("/invitations", "application.invite", INVITATION, "slot"),
    "amend": (f"/applications/{REFERENCE}/amend", "application.amend", {"preferred": [SLOT]}, "preferred.0"),
}
"""Who → path, method, body, and the path of the slot in it."""


def places(
    *windows: tuple[str, str, int], day: str = DAY, limited: bool = True, closed: str = ""
) -> Availability:
    shown = [{"start": start, "end": end, "places": 9, "free": free} for start, end, free in windows]
    out = [{"day": closed, "reason": "other"}] if closed else []
    return Availability.model_validate(
        {"limited": limited, "days": [{"day": day, "windows": shown}], "closed": out}
    )


async def send(
    who: str, found: Any, settings: dict[str, Any] | None = None, **changes: Any
) -> tuple[int, dict[str, str], TableClient]:
    """Send a command; return the status, the codes by field, and what was asked."""
    path, _, body, _ = COMMANDS[who]
    kind = "applicant" if who in ("applicant", "amend") else "staff"
    role = {} if kind == "applicant" else {"role": who, "site": "PCS1"}
    headers = {"Authorization": f"Bearer {signed(claims(kind, **role))}"}
    async with browsing(
        settings,
        approval__availability=found,
        application__view=APPLICATION,
        application__submit=TAKEN,
        application__submit_at_counter=TAKEN,
        application__amend=TAKEN,
        application__invite=Invited(references=(REFERENCE,)),
    ) as (http, client):
        answer = await http.post(f"/api/v1{path}", json=body | changes, headers=headers)
    return answer.status_code, {e["field"]: e["code"] for e in answer.json().get("errors", ())}, client


async def test_of_today_the_hours_that_are_over_do_not_refuse_a_time_that_began_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = today()
    noon = datetime.combine(date.fromisoformat(day), time(12), IST)
    monkeypatch.setattr(visit_requests, "now", lambda: noon)
    wish = {"date": day, "from": "00:00", "to": "23:59"}
    rest_of_today = places(("12:00", "23:59", 9), day=day)
    assert (await send("applicant", rest_of_today, preferred=[wish]))[1] == {}
    rest_of_a_later_day = places(("12:00", "23:59", 9))
    refused = (await send("applicant", rest_of_a_later_day, preferred=[wish | {"date": DAY}]))[1]
    assert refused == {"preferred.0.from": "department_hours"}


FULL = places(("10:00", "11:00", 9), ("11:00", "12:00", 0))


@pytest.mark.parametrize(
    ("who", "found", "member", "code"),
    [
        *((who, FULL, "from", "window_full") for who in COMMANDS),
        ("applicant", places(("11:00", "12:00", 9)), "from", "department_hours"),
        ("applicant", places(("10:00", "11:00", 9)), "from", "department_hours"),
        ("applicant", places(("14:00", "15:00", 9)), "from", "department_hours"),
        ("applicant", places(("10:00", "12:00", 9), day=NEXT_DAY), "date", "department_closed"),
        ("applicant", places(limited=False, closed=DAY), "date", "day_closed"),
    ],
)
async def test_a_time_without_a_place_is_refused_at_its_field(
    who: str, found: Availability, member: str, code: str
) -> None:
    status, problems, client = await send(who, found)
    assert (status, problems) == (422, {f"{COMMANDS[who][3]}.{member}": code})
    assert not client.was_asked(COMMANDS[who][1]), "it was not accepted"


ROOM = places(("10:00", "11:00", 1), ("11:00", "12:00", 1), ("12:00", "13:00", 0))


@pytest.mark.parametrize(
    ("who", "found"),
    [
        *((who, ROOM) for who in COMMANDS),
        ("applicant", places(limited=False)),
        ("applicant", Unavailable("approval is down")),
        ("applicant", NotFound("no such department")),
    ],
)
async def test_a_place_for_everybody_is_enough_and_a_silent_approval_stops_nobody(
    who: str, found: Any
) -> None:
    status, _, client = await send(who, found)
    assert status in (200, 201)
    assert client.was_asked(COMMANDS[who][1])


async def test_the_whole_party_needs_places_and_each_preferred_time_is_looked_at() -> None:
    four = places(("10:00", "12:00", 4))
    companions = [{"name": f"Companion {number}", "child": True} for number in range(4)]
    both = {"preferred": [OTHER_DAY, SLOT], "companions": companions}
    expected = {"preferred.0.date": "department_closed", "preferred.1.from": "window_full"}
    for who in ("applicant", "reception", "amend"):
        assert (await send(who, four, **both))[:2] == (422, expected)
    status, problems, _ = await send("department", four, visitors=[GUEST] * 5)
    assert (status, problems) == (422, {"slot.from": "window_full"})


async def test_an_amendment_that_names_no_time_is_not_held_up() -> None:
    status, _, client = await send("amend", places(("10:00", "12:00", 0)), preferred=None, purpose="Other")
    assert status == 200
    assert not client.was_asked("approval.availability")


BY_EMAIL = {"applicant": {**ALONE["applicant"], "email": "guest@example.org", "deliver_by": "email"}}
EMAILS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "applicant": (BY_EMAIL, {"applicant.email", "applicant.deliver_by"}),
    "reception": (BY_EMAIL, {"applicant.email", "applicant.deliver_by"}),
    "department": ({"visitors": [GUEST, {**GUEST, "email": "guest@example.org"}]}, {"visitors.1.email"}),
}
"""Who → what they add for email, and the fields that are refused where none is sent."""


@pytest.mark.parametrize("who", EMAILS)
async def test_email_is_offered_only_where_this_installation_sends_it(who: str) -> None:
    """The gateway has the address of the mail server, as the sender has; without it nothing is offered."""
    wish, fields = EMAILS[who]
    settings = {"local_mode": False, "smtp_url": ""}
    status, problems, client = await send(who, places(limited=False), settings, **wish)
    assert (status, problems) == (422, dict.fromkeys(fields, "email_not_offered"))
    assert not client.was_asked(COMMANDS[who][1]), "it was not accepted"
    assert (await send(who, places(limited=False), settings))[0] == 201, "without email it is"

    for connected in ({**settings, "smtp_url": "smtps://mail.example:465"}, {"local_mode": True}):
        assert (await send(who, places(limited=False), connected, **wish))[0] == 201
