"""The calls of one method on their way out: which go at once, and which go together.

Only those of a method whose service handles them together do (`contracts.rpc.call.Method.together`); of the
others, each goes at once and alone. Of the first kind, a call goes at once while fewer than `AT_ONCE`
messages of its method wait for their first reply. Otherwise it waits with others, until a message has a reply
or `LONGEST_WAIT` has passed; then they go in one message. So a call that comes alone loses no time, and the
more calls there are, the more of them share a message.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contracts.rpc.batches import LARGEST_MESSAGE, MOST_CALLS

AT_ONCE = 1
LONGEST_WAIT = 0.02
"""Seconds."""
_ADDED_BYTES = 50
"""At most, by a batch to each of its calls, and by the batch itself."""


@dataclass(eq=False)
class Message:
    """A message that is sent, and the calls in it that wait for their reply."""

    calls: "dict[str, OutgoingCall]"
    method: "MethodCalls"
    is_batch: bool
    id: str = field(default="", init=False)
    """Given by the connection."""
    service: str = field(default="", init=False)
    """Who replies; given by the connection."""
    under_way: bool = field(default=True, init=False)
    """Whether it waits for its first reply."""


@dataclass(eq=False)
class OutgoingCall:
    """A call: its body as it is alone, where its reply goes, and the message in which it is sent."""

    id: str
    body: bytes
    reply: asyncio.Future[Any]
    message: Message | None = field(default=None, init=False)


class MethodCalls:
    """The calls of one method over one connection."""

    def __init__(self, publish: Callable[[Message], None], *, together: bool) -> None:
        self._publish = publish
        self._together = together
        self._waiting: deque[OutgoingCall] = deque()
        self._under_way = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: OutgoingCall) -> None:
        """Send a call, now or soon."""
        if not self._together:
            self._publish_together([call])
            return
        self._waiting.append(call)
        if self._under_way < AT_ONCE or len(self._waiting) >= MOST_CALLS:
            self._send_waiting()
        else:
            self._start_timer()

    def replied(self, message: Message) -> None:
        """Note that a message is no longer under way: it has a reply, or nobody waits for one any more."""
        if message.under_way:
            message.under_way = False
            self._under_way -= 1
            self._send_waiting()

    def _send_waiting(self) -> None:
        """Send what waits, the oldest first, as one message."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        calls: list[OutgoingCall] = []
        room = LARGEST_MESSAGE - _ADDED_BYTES
        while self._waiting:
            call = self._waiting[0]
            room -= len(call.body) + _ADDED_BYTES
            if calls and room < 0:
                break
            self._waiting.popleft()
            if not call.reply.done():  # else its caller waits no longer
                calls.append(call)
        if calls:
            self._publish_together(calls)
        if self._waiting:
            self._start_timer()

    def _publish_together(self, calls: list[OutgoingCall]) -> None:
        message = Message({call.id: call for call in calls}, self, len(calls) > 1)
        for call in calls:
            call.message = message
        self._under_way += 1
        self._publish(message)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LONGEST_WAIT, self._send_waiting)
