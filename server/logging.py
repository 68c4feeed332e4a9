"""Technical logs: one JSON object a line on standard error, with the request's id, without health data.

What a request was about is in the audit log. Here a route is logged by its rule, never by its path or query string,
which may name a patient; an exception by its type and where it was raised, never by its message.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

_Exception = tuple[type[BaseException], BaseException, TracebackType | None]


def configure(level: str) -> None:
    """Sends every log of this process, ours and the libraries', to standard error as JSON."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    threading.excepthook = _thread_failed
    root = logging.getLogger()
    root.handlers[:] = [handler()]
    root.setLevel(level.upper())


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """What no thread expected; by itself Python would print the message of the exception."""
    if failed.exc_value is not None:
        structlog.get_logger("dmp.thread").error("failed", exc_info=failed.exc_value)


def handler() -> logging.Handler:
    """What writes any library's record as one of our lines."""
    made = logging.StreamHandler(sys.stderr)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    return made


def library_config(level: str) -> dict[str, Any]:
    """The same as `configure`, as a `logging.config` dictionary for libraries that insist on one."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"json": {"()": handler}},
        "root": {"handlers": ["json"], "level": level.upper()},
        "loggers": {},
    }


def locate_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces an exception by its type and the places it came through: messages may quote what was read."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if found and found[0] is not None:
        event.update(_located(found))
    return event


def _located(found: _Exception) -> dict[str, Any]:
    frames = traceback.extract_tb(found[2])
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
    return {"exception": found[0].__name__, "raised_at": places}


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    locate_exception,
]
