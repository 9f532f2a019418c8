"""`epass breach`: each person whom a breach touched is told once; it is known whom the messages reached."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from contracts.model import Language
from contracts.rpc.breaches import LONGEST
from contracts.rpc.requests import SendRequest
from services.application.handlers import requests
from services.application.settings import ApplicationSettings
from services.chassis.runtime.clock import now
from services.ops.commands.breach import PAUSE
from tests.integration.ops.command_line import epass
from tests.integration.ops.services_without_broker import MOBILE, ServicesWithoutBroker
from tests.support.factories.notify import RecordingChannel
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import long
from tests.support.stack.settings import REQUIRED, make_settings

pytestmark = long
PARTS = ("happened", "consequences", "measures", "advice", "contact")
GONE = "PCS-0000-0000"
SAYS = {"pa": "ਤੁਹਾਡੀ ਨਿੱਜੀ ਜਾਣਕਾਰੀ", "hi": "आपकी निजी जानकारी", "en": "Your personal data"}


@pytest.fixture
def services(databases, topology) -> ServicesWithoutBroker:
    made = ServicesWithoutBroker(databases)
    topology.grant_rights()
    return made


class Breach:
    """The command, with a file of words and the settings of application."""

    def __init__(self, stack, folder: Path) -> None:
        self._stack, self._file = stack, folder / "breach.toml"
        self.say("Words.")

    def say(self, words: str) -> None:
        parts = "".join(f'{part} = "{words}"\n' for part in PARTS)
        self._file.write_text("".join(f"[{one}]\n{parts}" for one in ("en", "hi", "pa")), encoding="utf-8")

    def tell(self, *references: str, a_second: int = 200) -> "subprocess.CompletedProcess[str]":
        return epass(
            self._stack, "breach", "tell", "2026-1", "--texts", str(self._file), "--by", "OPS-0001",
            "--a-second", str(a_second), "--send", name="application", typed=csv_of(*references),
            EPASS_DATABASE_URL=self._stack.database_url("application_app", "application"),
            EPASS_PERSONAL_KEYS=",".join(REQUIRED["personal_keys"]),
        )  # fmt: skip

    def told(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return epass(self._stack, "breach", "told", "2026-1", *options)


def csv_of(*references: str) -> str:
    return "reference,first,last,acts\n" + "".join(f"{one},x,y,held by notify\n" for one in references)


def ask(services: ServicesWithoutBroker, language: Language) -> str:
    """Send a complaint in a language; return its number."""
    asked = SendRequest(kind="complaint", text="Why?", language=language)
    settings = make_settings(ApplicationSettings)
    with services.databases["application"].transaction() as session:
        return requests.send(asked, services.citizen(), session, now(), settings).request_number


@pytest.fixture
def breach(topology, tmp_path: Path) -> Breach:
    return Breach(topology, tmp_path)


def test_each_person_is_told_once_also_of_a_request_and_the_log_says_by_whom(
    services: ServicesWithoutBroker, breach: Breach
) -> None:
    one, erased = services.apply_and_deliver(), services.apply_and_deliver()
    services.send_messages()
    db = services.databases["application"]
    number, english = ask(services, "hi"), ask(services, "en")
    execute(owner_of(db), "update applications set erased_at = now() where reference = :one", one=erased)

    first = breach.tell(one, number, english, erased, GONE)
    assert first.returncode == 0, first.stderr
    assert "5 affected: 3 to be told, 0 told before, 2 without a mobile" in first.stdout
    again = breach.tell(one, number, english)
    assert "0 to be told, 3 told before" in again.stdout

    services.deliver_all()
    channel = RecordingChannel()
    services.send_messages(channel)
    sent = {message.personal.parameters["reference"]: message for message in channel.sent}
    told = {
        name: (message.language, SAYS[message.language] in message.text) for name, message in sent.items()
    }
    assert told == {one: ("pa", True), number: ("hi", True), english: ("en", True)}
    assert {(message.personal.to, message.channel) for message in channel.sent} == {(MOBILE, "sms")}
    assert breach.told().stdout == "2026-1: 3 told; reached 3\n"
    with db.transaction() as session:
        query = text("select objects from audit_log where action = 'affected_told'")
        assert session.execute(query).scalars().all() == [
            ["OPS-0001", "2026-1", *sorted([one, number, english])]
        ]


def test_people_are_told_at_the_rate_that_was_asked_for(
    services: ServicesWithoutBroker, breach: Breach
) -> None:
    numbers = [ask(services, "en") for _ in range(3)]
    assert breach.tell(*numbers, a_second=2).returncode == 0
    told = "select extract(epoch from told_at)::float from breach_notices order by told_at"
    with services.databases["application"].transaction() as session:
        first, second, third = session.execute(text(told)).scalars().all()
    assert (first == second, third - second >= PAUSE) == (True, True), "two at once, the third a second later"


def test_whom_no_message_reaches_is_listed(services: ServicesWithoutBroker, breach: Breach) -> None:
    reached, missed = services.apply_and_deliver(), services.apply_and_deliver()
    assert breach.tell(reached, missed).returncode == 0
    services.deliver_all()
    services.send_messages()
    fail = (
        "update messages set state = 'failed' where purpose = 'breach_notice' and application_id in "
        "(select id from applications where reference = :missed)"
    )
    execute(owner_of(services.databases["notify"]), fail, missed=missed)
    done = breach.told()
    assert (done.returncode, done.stdout) == (1, "2026-1: 2 told; failed 1, reached 1\n")
    assert breach.told("--failed").stdout == f"{missed}\n"


def test_a_breach_has_one_text_and_nobody_is_told_in_other_words(
    services: ServicesWithoutBroker, breach: Breach
) -> None:
    one, other = services.apply_and_deliver(), services.apply_and_deliver()
    assert breach.tell(one).returncode == 0
    breach.say("Other words.")
    refused = breach.tell(other)
    assert (refused.returncode, "take another name" in refused.stderr) == (1, True)
    breach.say("x" * (LONGEST + 1))
    assert "at most 600 characters" in breach.tell(other).stderr
    assert breach.told().stdout == "2026-1: 1 told; under way 1\n"


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("cert-in", ("Due within 6 hours: until 01/12/2026 17:40 IST", "**Type of incident**")),
        ("board", ("Due without delay.", "**Likely impact**: ______")),
        ("board-full", ("until 04/12/2026 11:40 IST", "**Intimations to those affected**: reached 1")),
    ],
)
def test_a_form_has_its_clock_and_what_is_known(
    services: ServicesWithoutBroker, topology, breach: Breach, form: str, says: tuple[str, ...]
) -> None:
    one = services.apply_and_deliver()
    breach.tell(one)
    services.deliver_all()
    services.send_messages()
    done = epass(
        topology, "breach", "report", "2026-1", "--form", form, "--noticed", "2026-12-01T11:40",
        typed=csv_of(one),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 applications, with their companions, and 0 requests" in done.stdout
    for words in says:
        assert words in done.stdout
