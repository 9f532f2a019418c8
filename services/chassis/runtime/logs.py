"""JSON logs on stdout: one object a line, with the correlation id, and never a message body or personal data.

An exception is logged by its type and the frames that it passed, without its text, because databases and
parsers quote values in their texts.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

QUIET = ("kombu", "amqp", "aiormq", "aio_pika", "nameko", "uvicorn.access", "httpx", "httpcore", "alembic")


def correlation_id() -> str:
    """Return the id that everything caused by one request has in common, or an empty string."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))


def traceparent() -> str | None:
    """Return the W3C trace context of the current request or event, if there is one."""
    return structlog.contextvars.get_contextvars().get("traceparent")


@contextmanager
def context(**facts: str | None) -> Iterator[None]:
    """Add facts to every line that is logged inside the block."""
    with structlog.contextvars.bound_contextvars(**{name: fact for name, fact in facts.items() if fact}):
        yield


def _exception_without_text(
    _logger: Any, _name: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    info = line.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0] is not None:
        line["error"] = f"{info[0].__module__}.{info[0].__qualname__}"
        line["at"] = [
            f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(info[2])[-6:]
        ]
    return line


def configure(service: str, level: str = "INFO") -> None:
    """Configure structlog and the standard library's logging: JSON on stdout."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_text,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    renderer = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, lambda _l, _n, line: {**line, "service": service}],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _l, _n, line: {"service": service, **line},
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler.setFormatter(renderer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # nameko logs exceptions with their texts; the RPC server and the event entrypoint log them without
    logging.getLogger("nameko.containers").setLevel(logging.CRITICAL)


logger = structlog.stdlib.get_logger
