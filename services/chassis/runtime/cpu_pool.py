"""Work that holds the processor (hashing a password) goes to a real thread, two at a time, so that nothing else waits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
AT_A_TIME = 2


@lru_cache(maxsize=1)
def _patched() -> bool:
    from eventlet.patcher import is_monkey_patched

    return bool(is_monkey_patched("thread"))


@lru_cache(maxsize=1)
def _green_gate() -> Any:
    from eventlet.semaphore import Semaphore

    return Semaphore(AT_A_TIME)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="cpu")


def offload(work: Callable[..., T], *args: object) -> T:
    """Runs ``work`` off the event loop and waits for its result; under eventlet others run meanwhile."""
    if not _patched():
        return _pool().submit(work, *args).result()
    from eventlet import tpool

    with _green_gate():
        result: T = tpool.execute(work, *args)
        return result
