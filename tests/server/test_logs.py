"""Log lines: one each, escaped, and only about what matters."""

from __future__ import annotations

import json
import logging
import os
import sys

import pytest

from chat.output import Output
from chat.server.logs import JsonLine, TextLine, is_of_interest, set_up_logging


class ExecuteBatchError(Exception):
    """As grpc.aio has one."""


def record(message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    info = None
    try:
        if error is not None:
            raise error
    except Exception:
        info = sys.exc_info()
    return logging.LogRecord("chat", logging.ERROR, __file__, 1, message, arguments, info)


def test_what_people_typed_makes_no_line_of_its_own() -> None:
    line = TextLine(3).format(record("user %s", 'eve\n{"level": "info"}\x1b[31m'))
    assert line.endswith(' server 3: user eve\\n{"level": "info"}\\x1b[31m')
    assert "\n" not in line
    assert json.loads(JsonLine(3).format(record("user %s", "eve\n")))["message"] == "user eve\n"


def test_a_line_names_its_server_once() -> None:
    assert TextLine(3).format(record("server 3 leads view 7")).endswith(" server 3 leads view 7")
    other = TextLine(3).format(record("server 30 says what is not known"))
    assert other.endswith(" server 3: server 30 says what is not known")


def test_lost_lines_are_told_of_in_the_form_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    output = Output(descriptor, "utf-8", "test")
    monkeypatch.setattr(sys, "stderr", output)
    handlers = logging.getLogger().handlers[:]
    try:
        set_up_logging(3, "warning", "json")
        assert json.loads(output.lost_line(12))["message"] == "12 lines were lost here"
        set_up_logging(3, "warning", "text")
        assert output.lost_line(1).endswith(" warning  server 3: 1 line was lost here")
    finally:
        logging.getLogger().handlers[:] = handlers
    os.close(descriptor)


def test_an_answer_to_a_caller_that_is_gone_is_no_error() -> None:
    assert not is_of_interest(record("Unexpected [%s] raised", "ExecuteBatchError"))
    assert not is_of_interest(record("a task failed", error=ExecuteBatchError()))
    assert is_of_interest(record("a task failed", error=ValueError()))
    assert is_of_interest(record("a task failed"))
