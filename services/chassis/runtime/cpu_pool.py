"""A pool of two real threads for work that occupies the processor, such as hashing a password.

Under eventlet such work would stop all green threads of the process while it runs.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
POOL_SIZE = 2


@lru_cache(maxsize=1)
def _patched() -> bool:
    from eventlet.patcher import is_monkey_patched

    return bool(is_monkey_patched("thread"))


@lru_cache(maxsize=1)
def _green_slots() -> Any:
    from eventlet.semaphore import Semaphore

    return Semaphore(POOL_SIZE)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="cpu")


def offload(work: Callable[..., T], *args: object) -> T:
    """Run ``work`` in the pool and return its result. Under eventlet other green threads run meanwhile."""
    if not _patched():
        return _pool().submit(work, *args).result()
    from eventlet import tpool

    with _green_slots():
        result: T = tpool.execute(work, *args)
        return result
