"""Clients that record what they ask for, what they see, and when."""

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from contracts.rpc.verify.scans import ScanResult
from epass_client import Call, Client, NoAnswer, Problem
from epass_client.call import R
from epass_client.calls import scan_pass
from tests.chaos.histories import Operation
from tests.chaos.history_models import REFUSED_COUNT, Scan
from tests.support.system.actors import MATCHED, scan

PATIENCE = 20.0
"""Seconds for which a patient client repeats a command, under its key; an impatient one never does."""
COUNT_REFUSALS = {"count_over_remaining": REFUSED_COUNT, "count_over_party": REFUSED_COUNT}


class History:
    """The operations on one thing. Several threads may record at once."""

    def __init__(self) -> None:
        self.operations: list[Operation[Any, Any]] = []

    def record(
        self,
        request: object,
        client: Client,
        call: Call[R],
        answer_of: Callable[[R], object],
        refusals: Mapping[str, object],
    ) -> Operation[Any, Any]:
        """Send a call and record it, with an unknown outcome where there is no answer.

        Args:
            request: what it is in the model.
            client: sends it, and repeats it for as long as it is patient.
            call: the call.
            answer_of: the model's answer, of that of the call.
            refusals: the model's answer by the code of a refusal, or of its first field; any other refusal
                is raised.
        """
        began = time.monotonic()
        ended: float | None = None
        answer: object = None
        try:
            answer = answer_of(client.send(call))
            ended = time.monotonic()
        except Problem as problem:
            if not problem.outcome_unknown:
                code = problem.fields[0].code if problem.fields else problem.code
                answer, ended = refusals[code], time.monotonic()
        except NoAnswer:
            pass
        operation = Operation(request, answer, began, ended)
        self.operations.append(operation)
        return operation

    def scan(self, client: Client, token: str, request: Scan) -> None:
        """Scan a pass as a gate does, and record it."""
        shown = MATCHED if request.identified else {**MATCHED, "id_last4": "9999"}
        body = scan(
            token=token,
            gate=request.gate,
            direction=request.direction,
            count=request.count,
            id_check=shown if request.direction == "entry" else None,
        )
        self.record(request, client, scan_pass(body), verdict_of, COUNT_REFUSALS)


def verdict_of(result: ScanResult) -> tuple[str, int]:
    return result.verdict, result.inside


def scans_at(gate: str, choice: random.Random) -> Scan:
    """Return what people at a gate may do next."""
    if choice.random() < 0.4:
        return Scan("exit", gate, choice.choice([None, 1, 2]))
    return Scan("entry", gate, choice.choice([None, None, 1, 2]), choice.random() > 0.1)


def all_at_once(*jobs: Callable[[], None]) -> None:
    """Run each on a thread of its own; raise what one of them raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job) for job in jobs]
        wait(running)
        for one in running:
            one.result()
