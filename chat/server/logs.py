"""Logging of a server: one line an event, to standard error or a file, as text or JSON.

Lines hold no message text, passwords or tokens; control characters are escaped.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Final, TextIO

from chat.output import Output, lost_sentence

_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_ESCAPES[ord("\n")] = "\\n"


def set_up_logging(server_id: int, level: str, form: str, stream: TextIO | None = None) -> None:
    """`form` is "text" or "json"; `level` a name that logging knows. Without a `stream`, to
    standard error."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.addFilter(is_of_interest)
    formatter = JsonLine(server_id) if form == "json" else TextLine(server_id)
    handler.setFormatter(formatter)
    if isinstance(stream, Output):
        stream.lost_line = lambda count: formatter.format(_lost_record(count))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # grpc.aio reports every call that a client breaks off; that is no event of ours.
    logging.getLogger("grpc").setLevel(logging.ERROR)


def is_of_interest(record: logging.LogRecord) -> bool:
    """A filter. grpc.aio tells of an answer to a caller that has just gone as if it were an
    error of ours, with a stack trace: now and then when a peer's stream ends."""
    error = record.exc_info[1] if record.exc_info else None
    name = "ExecuteBatchError"
    return not (type(error).__name__ == name or name in record.getMessage())


def _lost_record(count: int) -> logging.LogRecord:
    sentence = lost_sentence(count)
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, sentence, None, None)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextLine(logging.Formatter):
    """Each line names the server once: a sentence about it does so itself."""

    def __init__(self, server_id: int) -> None:
        super().__init__()
        self._server = f"server {server_id}"

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record).translate(_ESCAPES)
        if not message.startswith(f"{self._server} "):
            message = f"{self._server}: {message}"
        return f"{_time(record)} {record.levelname.lower():8} {message}"


class JsonLine(logging.Formatter):
    def __init__(self, server_id: int) -> None:
        super().__init__()
        self._server_id = server_id

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "server": self._server_id,
            "logger": record.name,
            "message": super().format(record),
        }
        return json.dumps(line, ensure_ascii=True)
