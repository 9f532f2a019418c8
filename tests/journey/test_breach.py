"""The drill of docs/runbooks.md: a login that somebody else used, from how it is noticed to the last message.

Its commands run as they stand there; only the day of their times is that of the test.
"""

import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contracts.model import IST
from epass_client import calls
from services.chassis.runtime.clock import monotonic
from tests.support.stack import forks
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Staff, messages
from tests.support.system.system import System

RUNBOOK = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
SECTION = RUNBOOK.split("\n## Personal data was seen or taken\n")[1].split("\n## ")[0]
TEXTS = "\n".join(line.strip() for line in SECTION.split("```toml\n")[1].split("```")[0].splitlines())
COMMANDS = SECTION.split("### Drill")[1].split("```sh\n")[1].split("```")[0].splitlines()


class Shell:
    """Runs the lines of the runbook in a folder, each with the settings that it names."""

    def __init__(self, system: System, folder: Path) -> None:
        self._system, self._folder = system, folder
        self._begin = datetime.now(IST) - timedelta(hours=1)

    def run(self, line: str) -> str:
        command, _, process = line.partition("  # ")
        command = re.sub(r"2026-12-01T\d\d:\d\d", f"{self._begin:%Y-%m-%dT%H:%M}", command)
        program, *words = shlex.split(command)
        assert program == "epass"
        typed = out = ""
        if "<" in words:
            typed = (self._folder / words.pop()).read_text()
            words.remove("<")
        if ">" in words:
            out = words.pop()
            words.remove(">")
        words = [str(self._folder / one) if one.endswith(".toml") else one for one in words]
        environment = self._system._environment(process or "administrator")
        done = forks.run(["-m", "services.ops.cli", *words], environment, typed=typed)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        if out:
            (self._folder / out).write_text(done.stdout)
        return done.stdout


def test_a_login_that_somebody_else_used_from_noticing_it_to_the_last_message(
    system: System, reception: Staff, tmp_path: Path, record_property
) -> None:
    seen, other = Applicant(system), Applicant(system)
    reference, untouched = seen.apply(), other.apply()
    began = monotonic()
    reception.send(calls.look_up_at_counter(reference))
    auditor = Staff(system, "auditor")
    http = system.http()
    http.cookies.set("session", auditor.client.token)
    eventually(lambda: reception.login_id in http.get("/en/audit/most").text, "auditors see who looked")

    shell = Shell(system, tmp_path)
    (tmp_path / "breach.toml").write_text(TEXTS, encoding="utf-8")
    listed, cert_in, board, counted, told, reached, full = COMMANDS
    shell.run(listed)
    affected = (tmp_path / "affected.csv").read_text()
    assert reference in affected
    assert untouched not in affected
    assert "within 6 hours: until " in shell.run(cert_in)
    assert "name of the applicant" in shell.run(board)
    assert "nobody was told" in shell.run(counted)
    assert messages(system, seen.mobile, "breach_notice") == []
    shell.run(told)
    (message,) = eventually(lambda: messages(system, seen.mobile, "breach_notice"), "they are told")
    eventually(lambda: "reached" in shell.run(reached), "its delivery is known")
    assert "reached" in shell.run(full)
    record_property("minutes", minutes := (monotonic() - began) / 60)
    print(f"from the look to the last form: {minutes:.2f} minutes")

    assert f"{reference} " in message.text
    path = re.search(r"https?://\S+", message.text).group().removeprefix(system.url)
    for language, words in (("pa", "ਬਿਨਾਂ ਹੱਕ"), ("hi", "बिना अधिकार"), ("en", "without right")):
        assert words in system.http().get(path.replace("/pa/", f"/{language}/")).text
    assert messages(system, other.mobile, "breach_notice") == []
    assert ": 0 to be told" in shell.run(told)
    assert len(messages(system, seen.mobile, "breach_notice")) == 1


@pytest.mark.parametrize("wrong", ["https://example.org/refund", "www.refund.in", "2345 6789 0124"])
def test_words_with_a_link_or_an_aadhaar_number_are_told_to_nobody(
    system: System, tmp_path: Path, wrong: str
) -> None:
    file = tmp_path / "breach.toml"
    file.write_text(TEXTS.replace("0172-0000000", wrong), encoding="utf-8")
    done = system.try_epass("application", "breach", "tell", "2026-2", "--texts", str(file), "--by",
                            "OPS-0001", "--send")  # fmt: skip
    assert done.returncode == 1
    assert "contact" in done.stderr
    assert wrong not in done.stderr
