"""A pool of two real threads for work that occupies the processor, such as hashing a password.

Under eventlet such work would stop all green threads of the process while it runs. Eight more are there for
what waits outside of Python, such as the look-up of a name.
"""

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
POOL_SIZE, WAITING = 2, 8
LARGE_BLOCK = 1 << 20
"""Bytes."""
_M_MMAP_THRESHOLD = -3
"""From glibc's ``malloc.h``."""


@lru_cache(maxsize=1)
def _patched() -> bool:
    from eventlet.patcher import is_monkey_patched

    return bool(is_monkey_patched("thread"))


@lru_cache(maxsize=1)
def _green_slots() -> Any:
    from eventlet import tpool
    from eventlet.semaphore import Semaphore

    _give_back_large_blocks()
    tpool.set_num_threads(POOL_SIZE + WAITING)
    return Semaphore(POOL_SIZE), Semaphore(WAITING)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    _give_back_large_blocks()
    return ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="cpu")


def _give_back_large_blocks() -> None:
    """Let glibc give each large block back to the system when it is freed.

    Otherwise each thread keeps blocks as large as the largest that was freed before, up to 32 MiB; the hash
    of a password takes 19 MiB. Another C library has no such function, and keeps no such blocks.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def offload(work: Callable[..., T], *args: object) -> T:
    """Run ``work`` in the pool and return its result. Under eventlet other green threads run meanwhile."""
    if not _patched():
        return _pool().submit(work, *args).result()
    from eventlet import tpool

    working, _ = _green_slots()
    with working:
        result: T = tpool.execute(work, *args)
        return result


def offload_waiting(work: Callable[..., T], *args: object) -> T:
    """Run ``work`` that waits outside of Python, under eventlet, while other green threads run."""
    from eventlet import tpool

    _, waiting = _green_slots()
    with waiting:
        result: T = tpool.execute(work, *args)
        return result
