"""What must never be in a log: passwords, codes, links of passes, mobiles, names. All logs are read."""

import json
import re
import secrets
import string
import subprocess

from epass_client import local
from tests.compose.installation import COMPOSE, CONTAINERS, Installation
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, messages

NAME = "Harpreet Sentinel Sandhu"


def logs(system: Installation) -> str:
    """Return what all containers have written, also those that have ended."""
    return system.compose("--profile", "*", "logs", "--no-color", "--no-log-prefix")


def planted(system: Installation) -> dict[str, str]:
    """Write a harmless word into the log of each container, and another by way of the proxy."""
    words = {name: f"planted-{secrets.token_hex(8)}" for name in CONTAINERS}
    for name, word in words.items():
        system.compose("exec", "-T", name, "sh", "-c", f"echo {word} >/proc/1/fd/1")
    word = "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))
    system.http().get(f"/{word}")
    return {**words, "a path of the proxy": word}


def test_no_log_has_what_a_journey_has_shown_or_typed(system: Installation) -> None:
    # They sign in here: the logs of an earlier sign-in go with its container.
    department, officer, visitor = Department(system), Officer(system), Applicant(system)
    (code,) = {local.one_time_code(messages(system, visitor.mobile, "otp"))}
    reference = visitor.apply(applicant={"name_latin": NAME})
    department.approve(reference)
    summary = visitor.wait_for_pass(reference)
    (message,) = eventually(lambda: messages(system, visitor.mobile, "pass_issued"), "the pass arrives")
    assert message.link is not None
    link = message.link.rpartition("/p/")[2]
    http = system.http()
    for path in (f"/p/{link}", f"/p/{link}?lang=pa", f"/en/applications/{reference}", "/p/0000-guessed"):
        http.get(path, headers={"Referer": f"{system.url}/p/{link}"})
    token = visitor.token(summary.number)
    assert officer.scan(token=token, id_check=MATCHED).verdict == "admit"
    passwords = [login["password"] for login in json.loads(
        (system.secrets / "demo" / "logins.json").read_text()).values()]  # fmt: skip
    words = planted(system)

    written = logs(system)

    assert [name for name, word in words.items() if word not in written] == [], "the control"
    shown = {
        # neither a part of a longer word or number, nor of a time
        "one-time code": re.compile(rf"(?<![0-9a-zA-Z])(?<![0-9][.:-]){code}(?![0-9a-zA-Z]|[.:-][0-9])"),
        "link of the pass": link,
        "token of the pass": token,
        "session": visitor.client.token,
        "mobile": visitor.mobile.removeprefix("+91"),
        "name": NAME,
        "reference in the proxy's log": re.compile(rf'"logger":"http\.log.*{reference}'),
        **{f"password {number}": word for number, word in enumerate(passwords)},
    }
    found = [
        what
        for what, word in shown.items()
        if re.search(word if isinstance(word, re.Pattern) else re.escape(word), written)
    ]
    assert found == []


def test_first_passwords_are_shown_to_whoever_asks_and_kept_in_no_log(system: Installation) -> None:
    line = "role,name,department,site,gate,mobile,language,valid_until\nado,Meena Sharma,,,,,,\n"
    kept = "epass-test-passwords"
    try:
        shown = system.compose("run", "--name", kept, "-T", "import-logins", input=line)
        password = shown.splitlines()[1].split(",")[2]
        driver = subprocess.run(
            [COMPOSE[0], "inspect", "--format", "{{.HostConfig.LogConfig.Type}}", kept],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        log = subprocess.run([COMPOSE[0], "logs", kept], capture_output=True, text=True, check=False)
    finally:
        subprocess.run([COMPOSE[0], "rm", "--force", kept], capture_output=True, check=False)
    assert len(password) > 8
    assert driver.stdout.strip() == "none"
    assert password not in log.stdout + log.stderr
    assert password not in logs(system)


def test_the_proxy_is_not_root_and_names_no_server_and_lets_nobody_frame_a_page(system: Installation) -> None:
    assert system.compose("exec", "-T", "proxy", "id", "-u").strip() == "10001"
    http = system.http()
    for path, status in (("/en", 200), ("/metrics", 404), ("/nothing", 404)):
        answer = http.get(path)
        assert (answer.status_code, answer.headers.get("server")) == (status, None)
    assert http.get("/en").headers["x-frame-options"] == "DENY"
