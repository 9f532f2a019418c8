"""Calls that begin at the same moment, for tests of locks and limits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from contracts.errors import ContractError

T = TypeVar("T")


def run_concurrently(*calls: Callable[[], T]) -> list[T | ContractError]:
    """Run each call on a thread of its own, all from the same moment, and return the results in order.

    A refusal (`ContractError`) is a result; any other exception is raised.
    """
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | ContractError:
        start.wait()
        try:
            return call()
        except ContractError as refused:
            return refused

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
