"""People at work, from a pod: five requests a second, and one journey after the other.

It runs in the image of e-Pass, which has the client and the journey; nothing of the tests is there. What came
of it is in the file `TOLD`, written anew each second.
"""

import json
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from deploy.local.errors import StackFailed
from deploy.local.smoke_journey import SmokeJourney
from epass_client import Client, calls

ADDRESS = "https://gateway.epass.svc"
LOGINS = Path("/run/secrets/demo/logins.json")
TOLD = Path("/tmp/told.json")
RATE = 5.0
PATIENCE = 300.0  # seconds for which a person repeats what was answered 503 or broke off, as a pod may take
AUTHORITY = ssl.create_default_context(cafile="/run/tls/authorities/ca.crt")
told: dict[str, Any] = {"asked": 0, "failed": [], "journeys": 0, "lost": []}
turn = threading.Lock()


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


def go() -> None:
    """Go through journeys."""
    while True:
        lost = []
        try:
            SmokeJourney(ADDRESS, LOGINS, http(), PATIENCE).run()
        except StackFailed as error:
            lost = [f"{time.strftime('%H:%M:%S')} {error}"]
        with turn:
            told["journeys"] += not lost
            told["lost"] += lost


def main() -> None:
    """Work until the pod is deleted."""
    login = json.loads(LOGINS.read_text())["department"]
    with Client(ADDRESS, repeat_seconds=PATIENCE, http=http()) as anyone:
        token = anyone.send(calls.log_in(login["login_id"], login["password"])).access_token
    asked = [("/en", ""), (calls.list_reviews().path, token), (calls.list_departments().path, token)]
    threading.Thread(target=go, daemon=True).start()
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
