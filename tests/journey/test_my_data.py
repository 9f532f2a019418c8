"""Somebody sees on a page what is kept of them, takes a copy and has it erased, without scripts.

Afterwards their name stands in no table of any service, and `epass invariants` agrees.
"""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from contracts.subscriptions import SERVICES
from epass_client import calls
from tests.journey.held import columns_with
from tests.support.stack.backends import start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Officer, Staff, issued, messages
from tests.support.system.page_reader import SAME_SITE, hidden
from tests.support.system.system import System

CANARY, COMPANION = "Qanarix", "ਕਨਾਰੀਕਸ"
OF_CODES = {"notify.local_phone.recipient"}
"""In local mode the phone keeps one-time codes, which are of no application, for a day."""
NOT_MATCHED = {"kind": "matched", "id_type": "voter_id", "id_last4": "0000"}


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All of its databases are read."""
    with start_stack(tmp_path_factory.mktemp("my-data")) as stack, System(stack) as system:
        yield system


def named(system: System, *words: str) -> list[str]:
    """Return each column of each service that has one of these words in any row."""
    return sorted({f"{one}.{column}" for one in SERVICES for column in columns_with(system, one, words)})


def let_days_pass(system: System, reference: str) -> None:
    url = system.stack.database_url("postgres", "application").replace("+psycopg", "")
    earlier = "last_matters_at = now() - interval '2 days', cancelled_at = now() - interval '2 days'"
    with psycopg.connect(url) as database:
        database.execute(f"update applications set {earlier} where reference = %s", (reference,))


@pytest.mark.parametrize(
    ("language", "kept", "goes", "gone"),
    [
        ("en", "Who has looked at it, or worked on it", "What goes at once", "What was erased"),
        ("pa", "ਇਸ ਨੂੰ ਕਿਸ ਨੇ ਵੇਖਿਆ, ਜਾਂ ਇਸ 'ਤੇ ਕੰਮ ਕੀਤਾ", "ਤੁਰੰਤ ਕੀ ਮਿਟੇਗਾ", "ਕੀ ਮਿਟਾਇਆ ਗਿਆ"),
    ],
)
def test_who_sees_copies_and_erases_their_data_is_named_nowhere_afterwards(
    own_system: System, language: str, kept: str, goes: str, gone: str
) -> None:
    visitor, officer = Applicant(own_system), Officer(own_system)
    person = {"name": f"{CANARY} Kaur", "name_latin": f"{CANARY} Kaur"}
    companions = [{"name": COMPANION, "name_latin": CANARY, "child": True}]
    reference, summary = issued(
        visitor, Department(own_system), known_to=officer, applicant=person, companions=companions
    )
    token = visitor.token(summary.number)
    assert officer.scan(token=token, id_check=NOT_MATCHED).verdict == "id_mismatch"
    eventually(lambda: messages(own_system, visitor.mobile, "pass_issued"), "the pass arrives")
    Staff(own_system, "reception").send(calls.look_up_at_counter(reference))
    visitor.send(calls.cancel_application(reference))
    eventually(lambda: officer.scan(token=token).verdict == "revoked", "the gate hears of it")

    http, place = own_system.http(), f"/{language}/my-data"
    http.headers.update(SAME_SITE)
    http.cookies.set("session", visitor.client.token)
    shown = ok(http.get(place)).text
    assert kept in shown.replace("&#39;", "'")
    assert reference in shown
    key = hidden(ok(http.get(place)))["key"]
    copy = ok(http.post(f"{place}/copy", data={"form": "json", "key": key})).json()
    records = {one["what"]: one for one in copy["applications"][0]["kept"]}
    assert records.keys() >= {
        "answers",
        "progress",
        "desk",
        "decisions",
        "passes",
        "messages",
        "gates",
        "scans",
    }
    assert {one["verdict"] for one in records["scans"]["records"]} >= {"id_mismatch"}
    assert {one["role"] for one in copy["seen_by"]} >= {"department", "reception"}
    assert summary.number in str(records["messages"]["records"])
    page = ok(http.post(f"{place}/copy", data={"form": "html", "key": key})).text
    assert all(word in page for word in (CANARY, COMPANION))

    assert "id_last4" not in str(copy)
    asked = ok(http.get(f"{place}/erase"))
    assert reference not in hidden(asked).values(), "until the day after its pass they may be inside"
    let_days_pass(own_system, reference)
    asked = ok(http.get(f"{place}/erase"))
    assert goes in asked.text
    done = http.post(f"{place}/erase", data=hidden(asked))
    assert (done.status_code, done.headers["location"]) == (303, f"{place}/erased")
    receipt = ok(http.get(f"{place}/erased")).text
    assert gone in receipt
    assert re.search(r">[0-9A-Z]{4} [0-9A-Z]{4}<", receipt)
    assert reference not in ok(http.get(place)).text

    def found() -> set[str]:
        return {*named(own_system, CANARY, COMPANION, visitor.mobile[3:])} - OF_CODES

    eventually(lambda: not found(), f"nothing names them any more: {found()}", 60)
    own_system.epass("administrator", "invariants", "--grace", "10")


def test_control_before_it_the_name_stands_in_the_tables_of_four_services(own_system: System) -> None:
    issued(Applicant(own_system), Department(own_system), applicant={"name_latin": f"{CANARY} Singh"})
    services = {"application", "approval", "issuance", "verify"}

    def found() -> bool:
        return {place.partition(".")[0] for place in named(own_system, CANARY)} == services

    eventually(found, "all four have the name")


def ok(response: httpx.Response) -> httpx.Response:
    assert response.status_code == 200, f"{response.request.url.path}: {response.text[:600]}"
    return response
