"""The RPC server: requests and replies as nameko has them on the wire, with what nameko lacks.

- The request queue is the quorum queue of the topology. It is never declared here.
- Bytes that are not a request, and requests without ``reply_to`` (which would kill a nameko service again and
  again), go to the dead letters.
- A request whose deadline has passed when a worker is free is not handled. Its caller, who may have a clock
  that differs, gets `Unavailable`.
- The principal of a call is what the session tokens in it prove (``principals.py``).
- Who gives a command that harms many must have shown their second factor just now (``Method.fresh``).
- Commands, and looks at people's data, are recorded (``chassis/audit/record.py``).
- Requests and replies are the models of ``contracts/rpc/``.
- A message may have several calls of a method (``contracts/rpc/batches.py``). Each gets a worker, or all get
  one (`rpc_together`); each is guarded as it would be alone.
- Only contract errors reach the caller. A database that is away becomes `Unavailable`; every other error
  becomes `InternalError`, without its text.
"""

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Concatenate, TypeVar, overload

from kombu.transport.pyamqp import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.rpc import Rpc, RpcConsumer
from pydantic import ValidationError
from pydantic_core import from_json
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from contracts import rpc as contract
from contracts.errors import ContractError, FieldError, InternalError, InvalidInput, NotFound, Unavailable
from contracts.model import Wire
from contracts.rpc.batches import LARGEST_MESSAGE, calls_of
from contracts.rpc.call import Call, Method, Nothing
from contracts.second_factor import require_fresh
from contracts.subscriptions import rpc_queue
from services.chassis.audit import record
from services.chassis.db.availability import is_away, is_busy
from services.chassis.db.providers import process
from services.chassis.messaging.broker import NOT_PUBLISHED
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.messaging.retry import FailedMessagePublisher, PermanentError
from services.chassis.messaging.senders import GATEWAY, ForgedMessage, require_sender
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.clock_skew import ClockSkew
from services.chassis.rpc.principals import PrincipalVerifier
from services.chassis.rpc.replies import Replier, Replies
from services.chassis.runtime import logs, metrics, tracing
from services.chassis.runtime.clock import boottime, monotonic, now
from services.chassis.runtime.handlers import Injected

log = logs.logger(__name__)
Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)


@dataclass(frozen=True)
class Incoming:
    """A call that came in a message, and the replies of that message."""

    id: str
    request: Wire
    call: Call
    replies: Replies


class GuardedConsumer(RpcConsumer):
    """nameko's shared RPC consumer, over raw bytes, for messages with one call or several."""

    def setup(self) -> None:
        """Prepare the reader and the connections for replies and dead letters."""
        settings = process().settings
        service = self.container.service_name
        self.queue_name = rpc_queue(service)
        self.failed_messages = FailedMessagePublisher(
            settings.broker_urls, len(settings.retry_delays), settings.attempts
        )
        self.replier = Replier(settings.broker_urls, settings.broker_heartbeat)
        self.reader = QueueReader(
            settings.broker_urls,
            [self.queue_name],
            self._receive,
            settings.rpc_workers * 2,
            self.queue_name,
            settings.broker_heartbeat,
        )
        self.clock_skew = ClockSkew(settings.clock_skew)
        self.principals = PrincipalVerifier(EventKeys(settings.event_keys))
        metrics.CLOCK_SKEW.labels(service).set_function(lambda: self.clock_skew.measured(boottime()))
        self._thread: Any = None
        process().health.checks[self.queue_name] = lambda: self.reader.consuming
        for method in contract.METHODS:
            if method.service == service:
                metrics.RPC_SECONDS.labels(service, method.name, InternalError.code)
                metrics.RPC_EXPIRED.labels(service, method.name)

    def start(self) -> None:
        """Consume on a thread of the container, without waiting for a broker that is away."""
        self.container.spawn_managed_thread(self.replier.keep_alive)
        self._thread = self.container.spawn_managed_thread(self.reader.run)

    def stop(self) -> None:
        """Take no more requests and wait until those in hand have their reply."""
        self.reader.stop()
        if self._thread is not None:
            self._thread.wait()
        self.replier.close()

    def _receive(self, _queue: str, message: Message) -> None:
        self.container.spawn_managed_thread(
            functools.partial(self._handle, message), identifier=f"wait for a worker: {self.queue_name}"
        )

    def _handle(self, message: Message) -> None:
        """Give the calls of a message to workers. Reply to those that no worker can get."""
        try:
            bodies, is_batch = self._read(message)
        except (ForgedMessage, PermanentError) as error:
            self._dead_letter(message, error)
            return
        replies = Replies(message, len(bodies), is_batch, self.replier, self.reader)
        routing_key = message.delivery_info["routing_key"]
        alone = self.entrypoint(routing_key, together=False)
        together = self.entrypoint(routing_key, together=True)
        calls, refused = [], []
        for call_id, body in bodies.items():
            try:
                calls.append(Incoming(call_id, *self._parse(alone, body), replies))
            except Exception as error:  # whatever it is, the caller must get a reply
                if not isinstance(error, ContractError):
                    log.error("call cannot be parsed", method=routing_key, exc_info=error)  # noqa: TRY400  exception() would log the text, too
                refused.append((call_id, None, translate(error)))
        if refused:
            self.container.spawn_managed_thread(functools.partial(replies.add, refused), identifier="reply")
        if together is not None and len(calls) > 1:
            together.work_together(calls)
        elif alone is not None:
            alone.work(calls)

    def _read(self, message: Message) -> tuple[dict[str, dict[str, Any]], bool]:
        """Return the calls in a message by their ids, and whether it is a batch.

        Raises:
            ForgedMessage: it is not from the gateway, which vouches for the principal of each call.
            PermanentError: it is no request.
        """
        require_sender(message.properties, {GATEWAY})
        raw = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        if len(raw) > LARGEST_MESSAGE:
            raise PermanentError("too large")
        if not message.properties.get("reply_to"):
            raise PermanentError("no reply_to")
        if message.content_type != "application/json":
            raise PermanentError("not JSON")
        try:
            body = from_json(raw)
        except ValueError as error:
            raise PermanentError("not JSON") from error
        if (
            not isinstance(body, dict)
            or not isinstance(body.get("args"), list)
            or not isinstance(body.get("kwargs"), dict)
        ):
            raise PermanentError("not a call")
        try:
            calls = calls_of(body)
        except ValueError as error:
            raise PermanentError(str(error)) from error
        return ({"": body}, False) if calls is None else ({call["id"]: call for call in calls}, True)

    def entrypoint(self, routing_key: str, *, together: bool) -> Any:
        """Return the `GuardedRpc` of a method, for a call alone or for several; None if there is none."""
        return next((one for one in self._providers if one.handles(routing_key, together)), None)

    def _parse(self, entrypoint: Any, body: dict[str, Any]) -> tuple[Wire, Call]:
        """Return the request and the call in a body.

        Raises:
            NotFound: there is no such method.
            InvalidInput: one of them does not parse.
            ContractError: nothing proves the principal of the call.
        """
        if entrypoint is None:
            raise NotFound("there is no such method", code="unknown_method")
        args, kwargs = body.get("args"), body.get("kwargs")
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise InvalidInput("not a call")
        try:
            request = entrypoint.method.request.model_validate(args[0] if args else {})
            call = Call.model_validate(kwargs.get("call") or {})
        except ValidationError as error:
            raise invalid_input(error) from None
        if call.sent_at is not None:
            self.clock_skew.observe(call.sent_at, now(), boottime(), call.caller)
        principal = self.principals.verify(call.principal, now())
        return request, call.model_copy(update={"principal": principal})

    def _dead_letter(self, message: Message, error: Exception) -> None:
        """Move a message to the dead letters, without its body: it may have passwords of several people."""
        size = len(message.body)
        log.error(
            "message is no request", queue=self.queue_name, why=str(error) or type(error).__name__, size=size
        )
        try:
            self.failed_messages.publish_copy(self.queue_name, message, error, b"")
        except NOT_PUBLISHED:
            self.reader.give_back(message)
        else:
            self.reader.acknowledge(message)


class GuardedRpc(Rpc):
    """A handler of a method of a service.

    Args:
        together: whether it handles several calls at once.
    """

    rpc_consumer: ClassVar = GuardedConsumer()

    def __init__(self, method: Method[Any, Any], together: bool, **options: Any) -> None:
        self.method = method
        self.together = together
        self.routing_key = f"{method.service}.{method.name}"
        super().__init__(**options)

    def handles(self, routing_key: str, together: bool) -> bool:
        """Return whether it handles a method, and does so for a call alone or for several."""
        return self.routing_key == routing_key and self.together == together

    def work(self, calls: Sequence[Incoming]) -> None:
        """Give each call to a worker, as soon as one is free."""
        for one in calls:
            self._spawn_worker((one.request, one.call), functools.partial(self._reply, one), one.replies)

    def work_together(self, calls: Sequence[Incoming]) -> None:
        """Give the calls of a message to one worker, as soon as one is free."""
        asked = [(one.request, one.call) for one in calls]
        self._spawn_worker((asked,), functools.partial(self._reply_to_all, calls), calls[0].replies)

    def _spawn_worker(self, arguments: tuple[Any, ...], handle_result: Any, replies: Replies) -> None:
        try:
            self.container.spawn_worker(
                self, arguments, {"is_late": self._is_late}, handle_result=handle_result
            )
        except ContainerBeingKilled:
            replies.give_up()

    def _reply(self, one: Incoming, _context: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        one.replies.add([(one.id, result, exc_info[1] if exc_info else None)])
        return result, exc_info

    def _reply_to_all(
        self, calls: Sequence[Incoming], _context: Any, results: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        """Reply to the calls that have a result. Give each of the others to a worker of its own."""
        answered = list(zip(calls, results or [None] * len(calls), strict=True))
        left = [one for one, result in answered if result is None]
        if left:
            alone = self.rpc_consumer.entrypoint(self.routing_key, together=False)
            self.container.spawn_managed_thread(
                functools.partial(alone.work, left), identifier=f"wait for a worker: {self.routing_key}"
            )
        calls[0].replies.add([(one.id, result, None) for one, result in answered if result is not None])
        return results, exc_info

    def _is_late(self, call: Call) -> bool:
        return bool(self.rpc_consumer.clock_skew.is_past(call.deadline, now(), call.caller))


@overload
def rpc(method: Method[Nothing, R], handler: Callable[..., R]) -> Callable[..., Any]: ...
@overload
def rpc(method: Method[Q, R], handler: Callable[Concatenate[Q, ...], R]) -> Callable[..., Any]: ...
def rpc(method: Method[Any, Any], handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method of a nameko class that answers an RPC of the contract by a handler.

    The class has a ``db``. The handler gets what it names (``chassis/runtime/handlers.py``), and returns the
    reply; if it names ``session``, its work is committed before the caller gets that.

    Raises:
        TypeError: the handler names what no handler of a call gets.
    """
    injected = Injected(handler, ("request", "call", "session", "service"))
    is_atomic = method.command or method.in_transaction
    measured = metrics.RPC_SECONDS.labels(method.service, method.name, "ok")

    def opened(self: Any) -> AbstractContextManager[Session | None]:
        if "session" not in injected.names:
            return nullcontext()
        return self.db.transaction() if is_atomic else self.db.queries()  # type: ignore[no-any-return]

    def answer(self: Any, request: Wire, call: Call) -> Wire:
        with opened(self) as session:
            reply: Wire = injected(self, request=request, call=call, session=session, service=method.service)
            if session is not None and not is_atomic and (session.new or session.dirty or session.deleted):
                raise RuntimeError(f"{method.name} changes rows: its contract says command or in_transaction")
        return reply

    @functools.wraps(handler)
    def handle(
        self: Any, request: Wire, call: Call, is_late: Callable[[Call], bool] = lambda _: False
    ) -> Any:
        began, outcome = monotonic(), measured
        with (
            tracing.of_call("SERVER", method, call.traceparent) as span,
            logs.context(correlation_id=call.correlation_id, traceparent=span.traceparent),
        ):
            expired = False
            try:
                if expired := is_late(call):
                    metrics.RPC_EXPIRED.labels(method.service, method.name).inc()
                    raise Unavailable("its deadline has passed")  # noqa: TRY301  the caller gets this reply
                with record.recording(method, request, call, self) as entry:
                    if method.fresh:
                        require_fresh(call.principal, now())
                    reply = answer(self, request, call)
                if entry is not None:
                    record.finish(entry, reply, self.db)
                return reply.model_dump(mode="json", by_alias=True)
            except Exception as error:  # the caller gets a reply; a killed worker gives none
                failure = translate(error)
                outcome = metrics.RPC_SECONDS.labels(method.service, method.name, type(failure).code)
                if isinstance(failure, InternalError):
                    log.error("rpc failed", method=method.name, exc_info=error)  # noqa: TRY400  exception() would log the text, too
                elif isinstance(failure, Unavailable) and not expired:  # a flood would log each call
                    log.warning("rpc unavailable", method=method.name, exc_info=error)
                raise failure from None
            finally:
                outcome.observe(monotonic() - began)

    GuardedRpc.decorator(method, False)(handle)
    return handle


Asked = Sequence[tuple[Q, Call]]


def rpc_together(
    method: Method[Q, R], handler: Callable[Concatenate[Asked[Q], ...], Sequence[R | None]]
) -> Callable[..., Any]:
    """Return the method of a nameko class that answers calls of an RPC that came in one message.

    The handler names ``asked`` first, the calls with their requests; its ``session`` is for queries. It
    returns a reply to each; None to one that is then handled alone, by the handler of `rpc`. If it fails, all
    are. It gets no call whose deadline has passed, and works without the correlation id of any.

    Raises:
        TypeError: the contract does not say that calls of the method go together, or the handler names what
            it does not get.
    """
    if not method.together:
        raise TypeError(f"calls of {method.service}.{method.name} go alone")
    injected = Injected(handler, ("asked", "session"))
    answered = metrics.RPC_SECONDS.labels(method.service, method.name, "ok")

    @functools.wraps(handler)
    def handle(
        self: Any, asked: Asked[Q], is_late: Callable[[Call], bool] = lambda _: False
    ) -> Sequence[Any]:
        began = monotonic()
        in_time = [number for number, (_, call) in enumerate(asked) if not is_late(call)]
        results: list[Any] = [None] * len(asked)
        if len(in_time) < 2:
            return results
        spans = tracing.of_calls(method, [asked[number][1].traceparent for number in in_time])
        under = [_under(span, *asked[one]) for span, one in zip(spans, in_time, strict=True)]
        try:
            with self.db.queries() if "session" in injected.names else nullcontext() as session:
                found = injected(self, asked=under, session=session)
            for number, result in zip(in_time, found, strict=True):
                results[number] = result and result.model_dump(mode="json", by_alias=True)
        except Exception as error:  # noqa: BLE001  each call meets its own error again, alone
            log.info("calls are handled one by one", calls=len(in_time), error=type(error).__name__)
            return [None] * len(asked)
        seconds = monotonic() - began
        metrics.GROUP_SIZE.observe(len(in_time))
        for span, number in zip(spans, in_time, strict=True):
            if results[number] is not None:  # else it is handled again, alone, under another span
                answered.observe(seconds)
                span.end()
        return results

    GuardedRpc.decorator(method, True)(handle)
    return handle


def _under(span: tracing.Span, request: Q, call: Call) -> tuple[Q, Call]:
    """Return a call as one that its span has caused."""
    if span.traceparent == call.traceparent:
        return request, call
    return request, call.model_copy(update={"traceparent": span.traceparent})


def invalid_input(error: ValidationError) -> InvalidInput:
    """Return the contract error that names each field and what is wrong with it, without its value."""
    fields = tuple(
        FieldError(field=".".join(str(part) for part in item["loc"]), code=item["type"], message=item["msg"])
        for item in error.errors(include_input=False)
    )
    return InvalidInput("the request has fields that are missing, unknown or not accepted", fields=fields)


def translate(error: BaseException) -> ContractError:
    """Return the contract error that a caller may see when a handler raises an error.

    A ValidationError is our fault there, not the caller's: the request was parsed before the handler began.
    """
    if isinstance(error, ContractError):
        return error
    if isinstance(error, (DBAPIError, PoolTimeout)) and (is_away(error) or is_busy(error)):
        return Unavailable("the database does not answer in time")
    return InternalError("the service failed")
