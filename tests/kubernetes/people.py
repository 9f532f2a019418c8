"""People at work, from a pod: five requests and two scans a second, and one journey after the other.

It runs in the image of e-Pass, which has the client and the journey; nothing of the tests is there. What came
of it is in the file `TOLD`, written anew each second.
"""

import json
import secrets
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from contracts.rpc.verify.scans import ScanPass
from deploy.local.errors import StackFailed
from deploy.local.smoke_journey import ID_CHECK, SmokeJourney
from epass_client import Client, NoAnswer, Problem, calls

ADDRESS = "https://gateway.epass.svc"
LOGINS = Path("/run/secrets/demo/logins.json")
TOLD = Path("/tmp/told.json")
RATE = 5.0
PATIENCE = 300.0  # seconds for which a person repeats what was answered 503 or broke off, as a pod may take
AUTHORITY = ssl.create_default_context(cafile="/run/tls/authorities/ca.crt")
told: dict[str, Any] = {"asked": 0, "failed": [], "journeys": 0, "lost": [], "scanned": 0}
turn = threading.Lock()
passes: list[str] = []


def http() -> httpx.Client:
    """Return a client that opens a connection for each request, so that no gateway keeps it."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=ADDRESS, verify=AUTHORITY, timeout=20, trust_env=False, limits=limits)


def ask(client: httpx.Client, path: str, token: str) -> None:
    """Ask once, and count whether it was answered."""
    began, why = time.strftime("%H:%M:%S"), ""
    try:
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})
        if answer.status_code != 200:
            why = f"{answer.status_code}: {answer.text[:200]}"
    except httpx.HTTPError as error:
        why = repr(error)
    with turn:
        told["asked"] += 1
        told["failed"] += [f"{began} {path}: {why}"] if why else []


class Journey(SmokeJourney):
    """A journey of somebody with patience; once it is over, others show the pass again and again."""

    def _enter(self, token: str) -> Client:
        self.pass_ = token
        return super()._enter(token)

    def _wait_for(self, what: str, look: Any, seconds: float = PATIENCE) -> Any:
        return super()._wait_for(what, look, seconds)


def scan(login: dict[str, str]) -> None:
    """Scan the last pass, twice a second; each scan is repeated until it is answered."""
    try:
        with Client(ADDRESS, repeat_seconds=PATIENCE, http=http()) as anyone:
            officer = anyone.sign_in(login["login_id"], login["password"])
            while True:
                time.sleep(0.5)
                if passes:
                    nonce, seen = f"people-{secrets.token_hex(16)}", passes[-1]
                    asked = ScanPass(token=seen, gate=login["gate"], nonce=nonce, id_check=ID_CHECK)
                    officer.send(calls.scan_pass(asked))
                    with turn:
                        told["scanned"] += 1
    except (Problem, NoAnswer) as error:
        with turn:
            told["lost"].append(f"{time.strftime('%H:%M:%S')} a scan: {error}")


def go() -> None:
    """Go through journeys."""
    while True:
        lost = []
        try:
            journey = Journey(ADDRESS, LOGINS, http(), PATIENCE)
            journey.run()
            passes.append(journey.pass_)
        except StackFailed as error:
            lost = [f"{time.strftime('%H:%M:%S')} {error}"]
        with turn:
            told["journeys"] += not lost
            told["lost"] += lost


def main() -> None:
    """Work until the pod is deleted."""
    logins = json.loads(LOGINS.read_text())
    login = logins["department"]
    with Client(ADDRESS, repeat_seconds=PATIENCE, http=http()) as anyone:
        token = anyone.send(calls.log_in(login["login_id"], login["password"])).access_token
    asked = [("/en", ""), (calls.list_reviews().path, token), (calls.list_departments().path, token)]
    threading.Thread(target=go, daemon=True).start()
    threading.Thread(target=scan, args=(logins["security"],), daemon=True).start()
    client, at = http(), time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        for number in range(10**9):
            pool.submit(ask, client, *asked[number % len(asked)])
            if number % int(RATE) == 0:
                with turn:
                    TOLD.with_suffix(".new").write_text(json.dumps(told))
                TOLD.with_suffix(".new").replace(TOLD)
            at += 1 / RATE
            time.sleep(max(0.0, at - time.monotonic()))


if __name__ == "__main__":
    main()
