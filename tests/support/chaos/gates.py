"""Two gates of a site whose networks come and go: the app's own core in Node, against the real gateway.

``web/gate/test/driver.ts`` runs one device. What its guard sees recorded is entered into the ledger under the
nonce that the app has drawn.
"""

import asyncio
import json
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.rpc.accounts.logins import IssueLogin
from epass_client import Client, calls
from tests.support.chaos.promises import Promises, Scan
from tests.support.stack.paths import ROOT
from tests.support.system.system import System

NODE = Path(sys.executable).parent / "node"
DRIVER = ROOT / "web" / "gate" / "test" / "driver.ts"
SITE, GATES = "PCS1", ("PCS1-G1", "PCS1-G2")
ALL_AT_ONCE = 6
"""So many visitors at most come while a gate's network is away."""
OTHER_GATE = 0.3
"""Share of passes of which a copy is shown at the other gate, too."""
LEAVING = 0.5
WRONG_CLOCKS = (0, 3600, -3600, 86_400, -86_400)
"""By how many seconds somebody sets the clock of a device whose network is away."""
APART_SECONDS = 3.0
"""Between who comes and who goes: a device knows the time to a second or two."""
PAUSE_SECONDS = 0.3
ANSWER_SECONDS = 90.0
"""A device that has not answered by then hangs, whatever its gateway does."""
_PROBLEMS = {"too_many_attempts"}


@dataclass(frozen=True)
class Post:
    """A gate's guard, by the token of their session, the code that enrols their device, and its log."""

    gate: str
    session: str
    code: str
    log: Path


def man(system: System, repeat_seconds: float) -> list[Post]:
    """Issue a login and a device for each gate."""
    anyone = Client(system.url, "", http=system.http(), repeat_seconds=repeat_seconds)
    login = system.login("ado")
    ado = anyone.sign_in(login["login_id"], login["password"])
    posts = []
    for gate in GATES:
        device = ado.send(calls.issue_login(IssueLogin(role="gate_device", name=gate, site=SITE, gate=gate)))
        guard = ado.send(calls.issue_login(IssueLogin(role="security", name=gate, site=SITE, gate=gate)))
        password = f"password-of-the-guard-at-{gate}"
        first = anyone.sign_in(guard.login_id, guard.initial_password)
        first.send(calls.change_password(guard.initial_password, password))
        session = anyone.sign_in(guard.login_id, password).token
        log = system.folder / f"{device.login_id}.log"
        posts.append(Post(gate, session, f"{device.login_id}-{device.initial_password}", log))
    return posts


class Device:
    """One device, which does one thing at a time."""

    def __init__(self, process: Process, gate: str) -> None:
        self._process, self.gate = process, gate

    async def ask(self, what: str, **arguments: Any) -> Any:
        """Have the app do something; return its result, or the code of its problem.

        Raises:
            ConnectionError: the process has ended, by a fault of the app; its standard error says which.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_SECONDS)
        if not line:
            raise ConnectionError(f"the device of {self.gate} has ended")
        answer = json.loads(line)
        return answer.get("problem", answer.get("result"))


@asynccontextmanager
async def device(url: str, post: Post) -> AsyncIterator[Device]:
    """Run an enrolled device for the length of the block."""
    with post.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            NODE, "--no-warnings", DRIVER, url, post.session, stdin=PIPE, stdout=PIPE, stderr=log
        )
    try:
        one = Device(process, post.gate)
        while True:
            problem = await one.ask("enrol", text=post.code)
            assert problem in {None, "offline"}, problem
            await one.ask("sync")
            if (await one.ask("state"))["listAgeS"] is not None:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        yield one
    finally:
        process.kill()
        await process.wait()


class GatesApart:
    """Two gates that decide by themselves now and then, and send later what they decided.

    Args:
        promises: where what their guards saw is entered.
        seed: of who is cut off when.
    """

    def __init__(self, promises: Promises, seed: int) -> None:
        self._promises, self._chance = promises, random.Random(f"gates {seed}")
        self._arrivals: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._busy = False

    @property
    def finished(self) -> bool:
        """Return whether nobody waits at a gate and nothing waits to be sent."""
        return self._arrivals.empty() and not self._busy

    def arrive(self, reference: str, token: str) -> None:
        """Let somebody come to the gates with a pass."""
        self._arrivals.put_nowait((reference, token))

    async def run(self, url: str, posts: Sequence[Post]) -> None:
        """Work until cancelled; the end of an app by a fault of its own is a broken promise."""
        try:
            await self._run(url, posts)
        except (ConnectionError, TimeoutError) as error:
            self._promises.broken.append(f"a gate's app: {error!r}")

    async def _run(self, url: str, posts: Sequence[Post]) -> None:
        async with AsyncExitStack() as running:
            devices = [await running.enter_async_context(device(url, post)) for post in posts]
            while True:
                visitors = [await self._arrivals.get()]
                self._busy = True
                while not self._arrivals.empty() and len(visitors) < ALL_AT_ONCE:
                    visitors.append(self._arrivals.get_nowait())
                await self._without_network(devices, visitors)
                self._busy = False

    async def _without_network(self, devices: list[Device], visitors: list[tuple[str, str]]) -> None:
        for one in devices:
            await one.ask("sync")
        away = self._chance.sample(devices, self._chance.choice((1, 2)))
        for one in away:
            await one.ask("cut")
            await one.ask("clock", aheadMs=1000 * self._chance.choice(WRONG_CLOCKS))
        for reference, token in visitors:
            for one in self._chance.sample(devices, 2 if self._chance.random() < OTHER_GATE else 1):
                await self._scan(one, "enter", reference, token)
        await asyncio.sleep(APART_SECONDS)
        for reference, token in visitors:
            if reference in self._promises.scans and self._chance.random() < LEAVING:
                await self._scan(self._chance.choice(devices), "leave", reference, token)
        for one in away:
            await one.ask("connect")
            if self._chance.random() < 0.5:
                await one.ask("kill")
        for one in devices:
            await self._until_sent(one)

    async def _scan(self, one: Device, what: str, reference: str, token: str) -> None:
        """Have a pass scanned; enter what its guard sees recorded."""
        began = time.time()
        seen = await one.ask(what, text=token)
        if isinstance(seen, str):
            if seen not in _PROBLEMS:
                self._promises.broken.append(f"a gate says {seen}")
            return
        if seen["recorded"] and seen["outcome"] in {"admit", "exit"}:
            at = datetime.fromisoformat(seen["at"]).timestamp()
            if abs(at - began) > 60:
                self._promises.broken.append(f"a gate dates a scan {at - began:+.0f} s off")
            is_certain = began - APART_SECONDS + 1 < at < time.time() + 0.5
            self._promises.scans[reference][seen["nonce"]] = Scan(seen["outcome"], began, is_certain)
            self._promises.offline += seen["offline"]

    async def _until_sent(self, one: Device) -> None:
        while True:
            await one.ask("sync")
            state = await one.ask("state")
            self._promises.broken += [
                f"a gate's scan is refused: {scan['problem']}" for scan in state["refused"]
            ]
            if state["online"] and not state["unsent"]:
                return
            await asyncio.sleep(PAUSE_SECONDS)
