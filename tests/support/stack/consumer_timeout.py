"""A broker that closes channels whose consumers hold messages for long; RabbitMQ does so after 30 minutes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SET = "application:set_env(rabbit, {}, {})."


@contextmanager
def consumer_timeout(broker_ctl: Callable[..., object], seconds: float) -> Iterator[None]:
    """Let the broker do so after that time, on each channel that is opened from now on."""
    broker_ctl("eval", _SET.format("consumer_timeout", round(seconds * 1000)))
    broker_ctl("eval", _SET.format("channel_tick_interval", 2000))
    try:
        yield
    finally:
        broker_ctl("eval", _SET.format("consumer_timeout", 1_800_000))
        broker_ctl("eval", _SET.format("channel_tick_interval", 60_000))
