"""A log file: whole lines, never too large, never too many."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chat.config import ConfigError
from chat.core import limits
from chat.server.log_file import LogFile, open_log


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOG_FILE_BYTES_MAX", 100)
    monkeypatch.setattr(limits, "LOG_FILES_KEPT", 2)


def drained(log: LogFile) -> None:
    log.drain(time.monotonic() + 10)


def test_a_new_one_begins_at_the_bound_and_the_oldest_goes(tmp_path: Path, small: None) -> None:
    path = tmp_path / "server.log"
    log = LogFile(path)
    for number in range(30):
        print(f"line {number:04}", file=log)  # of ten bytes
    drained(log)
    names = ["server.log", "server.log.1", "server.log.2"]
    assert sorted(each.name for each in tmp_path.iterdir()) == names
    kept = "".join((tmp_path / name).read_text() for name in reversed(names))
    assert kept == "".join(f"line {number:04}\n" for number in range(30))
    print("line 0030", file=log)
    drained(log)
    assert path.read_text() == "line 0030\n"
    assert (tmp_path / "server.log.2").read_text().startswith("line 0010")


def test_a_file_that_is_there_goes_on(tmp_path: Path, small: None) -> None:
    path = tmp_path / "server.log"
    path.write_text("of before\n")
    log = LogFile(path)
    print("of today", file=log)
    drained(log)
    assert path.read_text() == "of before\nof today\n"


def test_a_folder_that_goes_stops_nobody(tmp_path: Path, small: None) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = LogFile(folder / "server.log")
    print("x" * 99, file=log)
    drained(log)
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    print("nobody reads this", file=log)
    drained(log)
    assert not folder.exists()


def test_a_place_where_none_can_be_is_told(tmp_path: Path) -> None:
    assert open_log(None) is None
    with pytest.raises(ConfigError, match="cannot be written"):
        open_log(tmp_path / "missing" / "server.log")
