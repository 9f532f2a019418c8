"""How soon a revocation is known at the gates: to the verdict of the server, and in the storage of the app.

A department withdraws its approvals one after the other, at times that have nothing to do with when the list
is signed. Two apps in Chromium, each on an enrolled device of its own gate, get the list by themselves; they
note when it has been stored. `python -m bench.revocations` measures this alone.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import uniform
from time import monotonic, sleep, time
from uuid import uuid4

import jwt
import psutil
from playwright.sync_api import Page, sync_playwright

from bench.gate_app import Gates, Printer, measured_system, print_times
from bench.load import GATE
from contracts.rpc.verify.scans import ScanPass, ScanResult
from epass_client import Client, calls

COUNT = 40
"""Passes that are revoked; each takes a pass that nobody has scanned."""
LONGEST_PAUSE_S = 5.0
"""Between two revocations; the list is signed every ten seconds."""
PATIENCE_S = 60.0
LOOK_S = 0.1
"""Between two looks at the verdict: an officer may look at 300 people within five minutes."""
OTHER_GATE = "PCS1-G2"
NOTES = """
window.stored = {};
window.fetchedNumbers = new Set();
const numbersOf = (jws) => {
  const payload = jws.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
  for (const number of JSON.parse(atob(payload)).revoked) window.fetchedNumbers.add(number);
};
const ask = window.fetch;
window.fetch = async (...request) => {
  const answer = await ask(...request);
  if (answer.status !== 200) return answer;
  if (String(request[0]).startsWith("/.well-known/pass-status")) numbersOf(await answer.clone().text());
  if (String(request[0]).startsWith("/api/v1/gate/manifest")) {
    const list = (await answer.clone().json()).status_list;
    if (list) numbersOf(list);
  }
  return answer;
};
const put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (value, key) {
  if (this.name === "manifest" && key === "status") {
    const numbers = [...window.fetchedNumbers];
    this.transaction.addEventListener("complete", () => {
      for (const number of numbers) window.stored[number] ??= Date.now();
    });
  }
  return put.apply(this, arguments);
};
"""
"""Notes when a list with a number on it has been stored."""


def show(gateway: str, logins: Path, tokens: Sequence[str], line: Printer) -> None:
    """Print how long after the answer to the revocation it is known.

    Args:
        gateway: its address.
        logins: the file of the demo logins.
        tokens: `COUNT` passes that nobody has scanned.
        line: prints one line.
    """
    line("\nfrom the answer to a revocation (goals: 2 s to the verdict of the server, 5 s to a gate's list)")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="epass-bench-") as folder:
        gates = Gates(gateway, logins, playwright, Path(folder))
        browser = gates.browser()
        pages = [
            gates.app(gates.context(browser, gate), enrolled_at=gate, script=NOTES)
            for gate in (GATE, OTHER_GATE)
        ]
        department, officer = gates.sign_in("department"), gates.sign_in("security")
        load = os.getloadavg()[0]
        verdicts: list[float] = []
        answered: dict[str, float] = {}
        for token in tokens:
            sleep(uniform(0, LONGEST_PAUSE_S))
            answered[_number(token)] = _withdraw(department, officer, token)
            verdicts.append(_until_revoked(officer, token) - answered[_number(token)])
        lists = [
            stored / 1000 - answered[number]
            for page in pages
            for number, stored in _until_stored(page, list(answered)).items()
        ]
    print_times(line, "verdict of the server", verdicts, "s")
    print_times(line, "list in the storage of two apps", lists, "s")
    line(
        f"  {'load of the machine, before and after':44} {load:9.1f} and {os.getloadavg()[0]:.1f}"
        f" on {psutil.cpu_count()} processors"
    )


def _number(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


def _withdraw(department: Client, officer: Client, token: str) -> float:
    """Withdraw the approval of a pass; return when that was answered."""
    reference = _preview(officer, token).reference
    assert reference is not None
    (review,) = department.send(calls.search_reviews(reference)).items
    department.send(calls.withdraw_approval(review.id, "security"))
    return time()


def _preview(officer: Client, token: str) -> ScanResult:
    asked = ScanPass(gate=GATE, direction="entry", nonce=str(uuid4()), token=token)
    return officer.send(calls.scan_pass(asked))


def _until_revoked(officer: Client, token: str) -> float:
    began = monotonic()
    while _preview(officer, token).verdict != "revoked":
        if monotonic() - began > PATIENCE_S:
            raise TimeoutError("the server does not hear of a revocation")
        sleep(LOOK_S)
    return time()


def _until_stored(page: Page, numbers: Sequence[str]) -> dict[str, float]:
    """Wait until a list with all numbers is stored by an app; return when each was, in milliseconds."""
    began = monotonic()
    while True:
        stored: dict[str, float] = page.evaluate("window.stored")
        if all(number in stored for number in numbers):
            return {number: stored[number] for number in numbers}
        if monotonic() - began > PATIENCE_S:
            raise TimeoutError("an app does not store the list of revoked passes")
        page.wait_for_timeout(500)


def main() -> None:
    """Measure on a system of its own."""
    if shutil.which("chromium") is None:
        print("no Chromium here (deploy/local/bootstrap chromium)")
        return
    with measured_system() as (gateway, logins, tokens):
        show(gateway, logins, tokens[:COUNT], lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
