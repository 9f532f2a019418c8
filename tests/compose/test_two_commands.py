"""README's two commands as they stand: `deploy/compose.yaml` alone, without the demonstration."""

from collections.abc import Iterator

import httpx
import pyotp
import pytest

from contracts.crockford import new_reference
from epass_client import Problem, calls
from tests.compose.installation import CONTAINERS, JOBS, Installation

CREATE_FIRST_ADO = ("run", "--rm", "-T", "import-logins", "epass", "create-first-ado", "--name", "Asha Verma")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, system: Installation) -> Iterator[Installation]:
    """An installation beside the other one, whose engine it shares, with the settings of the file alone."""
    folder = tmp_path_factory.mktemp("plain")
    with Installation(folder, "epass-plain", "172.30.85", ("compose.yaml",), {}) as running:
        yield running


def test_they_start_every_container_and_the_proxy_serves(plain: Installation) -> None:
    assert set(plain.containers()) == set(CONTAINERS)
    for job in JOBS:
        state = plain.state(job)
        assert (job, state["Status"], state["ExitCode"]) == (job, "exited", 0)
    http = plain.http()
    assert http.get("/healthz").status_code == 200
    assert http.get("/readyz").status_code == 200
    assert http.get("/en").status_code == 200
    assert httpx.get(f"http://localhost:{plain.http_port}/en", trust_env=False).status_code == 308


def test_what_is_stored_balances(plain: Installation) -> None:
    plain.compose("run", "--rm", "-T", "administrator", "epass", "invariants")


def test_the_first_login_of_the_ado_branch_signs_in_and_issues_another(plain: Installation) -> None:
    login_id, password = plain.compose(*CREATE_FIRST_ADO).split()
    with pytest.raises(AssertionError, match="ADO Branch"):
        plain.compose(*CREATE_FIRST_ADO)

    with plain.client() as anyone:
        with pytest.raises(Problem, match="second_factor_missing") as refused:
            anyone.sign_in(login_id, password)
        sign_in = str(refused.value.facts["sign_in"])
        app = pyotp.parse_uri(anyone.send(calls.show_enrolment(sign_in)).address)
        assert isinstance(app, pyotp.TOTP)
        session = anyone.send(calls.enrol_factor(sign_in, app.now())).session
        ado = anyone.with_token(session.access_token)
        changed = ado.send(calls.change_password(password, "a long password of the first one"))
        ado = anyone.with_token(changed.access_token)
        issued = ado.send(calls.issue_login({"role": "ops", "name": "Gurpreet Kaur"}))
        listed = [login.login_id for login in ado.send(calls.list_logins()).items]
        assert listed == sorted([login_id, issued.login_id])


def test_guesses_at_a_reference_are_counted_by_both_gateways_together_and_end(plain: Installation) -> None:
    """The counters are in Valkey, whichever gateway the proxy asks; each alone would allow ten."""
    http, guess = plain.http(), calls.look_up_status(new_reference(), "4821")
    answers = [
        http.post(guess.path, content=guess.body, headers={"Content-Type": "application/json"})
        for _ in range(11)
    ]
    assert [answer.status_code for answer in answers] == [404] * 10 + [429]
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert int(answers[-1].headers["Retry-After"]) > 0
