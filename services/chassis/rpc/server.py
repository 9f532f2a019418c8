"""The RPC server: requests and replies as nameko has them on the wire, with what nameko lacks.

- The request queue is the quorum queue of the topology. It is never declared here.
- Bytes that are not a request, and requests without ``reply_to`` (which would kill a nameko service again and
  again), go to the dead letters.
- A request whose deadline has passed when a worker is free is not handled. Its caller, who may have a clock
  that differs, gets `Unavailable`.
- Requests and replies are the models of ``contracts/rpc/``.
- Only contract errors reach the caller. A database that is away becomes `Unavailable`; every other error
  becomes `InternalError`, without its text.
"""

import functools
import json
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any, ClassVar, TypeVar

from kombu.transport.pyamqp import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.rpc import Rpc, RpcConsumer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from contracts import rpc as contract
from contracts.errors import ContractError, FieldError, InternalError, InvalidInput, NotFound, Unavailable
from contracts.model import Wire
from contracts.rpc.call import Call, Method
from contracts.subscriptions import rpc_queue
from services.chassis.db.availability import is_away, is_busy
from services.chassis.messaging.broker import NOT_PUBLISHED
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.messaging.retry import FailedMessagePublisher, PermanentError
from services.chassis.rpc.clock_skew import ClockSkew
from services.chassis.rpc.replies import Replier
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import process

log = logs.logger(__name__)
Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
LARGEST = 256_000
"""Bytes. A larger body is not a request."""


class GuardedConsumer(RpcConsumer):
    """nameko's shared RPC consumer, over raw bytes."""

    def setup(self) -> None:
        """Prepare the reader and the connections for replies and dead letters."""
        settings = process().settings
        service = self.container.service_name
        self.queue_name = rpc_queue(service)
        self.methods = {
            f"{service}.{method.name}": method for method in contract.METHODS if method.service == service
        }
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
        metrics.CLOCK_SKEW.labels(service).set_function(lambda: self.clock_skew.measured)
        self._thread: Any = None
        process().health.checks[self.queue_name] = lambda: self.reader.consuming
        for method in self.methods.values():
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

    def _receive(self, _queue: str, message: Message) -> None:
        try:
            body = self._read(message)
        except PermanentError as error:
            self.container.spawn_managed_thread(
                functools.partial(self._dead_letter, message, error), identifier="dead-letter"
            )
            return
        self.handle_message(body, message)

    def _read(self, message: Message) -> dict[str, Any]:
        raw = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        if len(raw) > LARGEST:
            raise PermanentError("too large")
        if not message.properties.get("reply_to"):
            raise PermanentError("no reply_to")
        if message.content_type != "application/json":
            raise PermanentError("not JSON")
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise PermanentError("not JSON") from error
        if (
            not isinstance(body, dict)
            or not isinstance(body.get("args"), list)
            or not isinstance(body.get("kwargs"), dict)
        ):
            raise PermanentError("not a call")
        return body

    def _dead_letter(self, message: Message, error: PermanentError) -> None:
        log.error("message is no request", queue=self.queue_name, why=str(error))
        try:
            self.failed_messages.publish_copy(self.queue_name, message, error)
        except NOT_PUBLISHED:
            self.reader.give_back(message)
        else:
            self.reader.acknowledge(message)

    def handle_message(self, body: dict[str, Any], message: Message) -> None:
        """Give a request to its method. Reply with an error if there is no such method."""
        try:
            provider = self.get_provider_for_method(message.delivery_info["routing_key"])
            provider.handle_message(body, message)
        except Exception as error:  # noqa: BLE001  whatever it is, the caller must get a reply
            known = isinstance(error, ContractError)
            reply = error if known else NotFound("there is no such method", code="unknown_method")
            self.container.spawn_managed_thread(
                functools.partial(self.handle_result, message, None, (type(reply), reply, None)),
                identifier="reply",
            )

    def handle_result(self, message: Message, result: Any, exc_info: Any) -> tuple[Any, Any]:
        """Reply, then acknowledge. If the reply is not sent, the request goes back to its queue."""
        try:
            self.replier.reply(message, result, exc_info[1] if exc_info else None)
        except NOT_PUBLISHED as fault:
            log.warning("reply was not sent", error=type(fault).__name__)
            self.reader.give_back(message)
        else:
            self.reader.acknowledge(message)
        return result, exc_info


class GuardedRpc(Rpc):
    """One method of a service."""

    rpc_consumer: ClassVar = GuardedConsumer()

    def __init__(self, contract_name: str, **options: Any) -> None:
        self.contract_name = contract_name
        super().__init__(**options)

    def handle_message(self, body: dict[str, Any], message: Message) -> None:
        """Parse a request and give it to a worker.

        Raises:
            InvalidInput: the request or its call does not parse.
        """
        method = self.rpc_consumer.methods[f"{self.container.service_name}.{self.method_name}"]
        try:
            request = method.request.model_validate(body["args"][0] if body["args"] else {})
            call = Call.model_validate(body["kwargs"].get("call") or {})
        except ValidationError as error:
            raise invalid_input(error) from None
        if call.sent_at is not None:
            self.rpc_consumer.clock_skew.observe(call.sent_at, now(), monotonic())
        self.container.spawn_managed_thread(
            functools.partial(self._work, request, call, message),
            identifier=f"wait for a worker: {method.name}",
        )

    def _work(self, request: Wire, call: Call, message: Message) -> None:
        handle_result = functools.partial(self.handle_result, message)
        try:
            self.container.spawn_worker(
                self, (request, call), {"is_late": self._is_late}, handle_result=handle_result
            )
        except ContainerBeingKilled:
            self.rpc_consumer.reader.give_back(message)

    def _is_late(self, call: Call) -> bool:
        return self.rpc_consumer.clock_skew.is_past(call.deadline, now())


def rpc(method: Method[Q, R]) -> Callable[[Callable[[Any, Q, Call], R]], Callable[[Any, Q, Call], R]]:
    """Make a method ``(self, request, call)`` the handler of an RPC of the contract.

    Raises:
        TypeError: the name of the method is not the one in the contract.
    """

    def decorate(handler: Callable[[Any, Q, Call], R]) -> Callable[[Any, Q, Call], R]:
        if handler.__name__ != method.name:
            raise TypeError(f"{handler.__name__} answers {method.service}.{method.name}")

        @functools.wraps(handler)
        def handle(
            self: Any, request: Q, call: Call, is_late: Callable[[Call], bool] = lambda _: False
        ) -> Any:
            began, outcome = perf_counter(), "ok"
            with logs.context(correlation_id=call.correlation_id, traceparent=call.traceparent):
                try:
                    if is_late(call):
                        metrics.RPC_EXPIRED.labels(method.service, method.name).inc()
                        raise Unavailable("its deadline has passed")  # noqa: TRY301  the caller gets this reply
                    return handler(self, request, call).model_dump(mode="json", by_alias=True)
                except Exception as error:  # the caller gets a reply; a killed worker gives none
                    reply = translate(error)
                    outcome = reply.body.code
                    if isinstance(reply, InternalError):
                        log.error("rpc failed", method=method.name, exc_info=error)  # noqa: TRY400  exception() would log the text, too
                    elif isinstance(reply, Unavailable):
                        log.warning("rpc unavailable", method=method.name, exc_info=error)
                    raise reply from None
                finally:
                    seconds = perf_counter() - began
                    metrics.RPC_SECONDS.labels(method.service, method.name, outcome).observe(seconds)

        GuardedRpc.decorator(method.name)(handle)
        return handle

    return decorate


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
