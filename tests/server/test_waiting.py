"""A server that waits says for whom, once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from chat.server.waiting import Waiting
from tests.cluster import Cluster, wait_until


def test_only_what_lasts_is_said_and_only_once() -> None:
    waiting = Waiting(patience_s=2.0)
    assert waiting.sentence((2, 3), 10.0) == ""
    assert waiting.sentence((3,), 11.0) == ""
    assert waiting.sentence((3,), 12.9) == ""
    assert waiting.sentence((3,), 13.0).startswith("waits for server 3, which may")
    assert waiting.sentence((3,), 14.0) == ""
    assert waiting.sentence((), 15.0) == ""
    assert waiting.sentence((1, 3), 16.0) == ""
    assert waiting.sentence((1, 3), 18.0).startswith("waits for servers 1, 3, which may")


def test_who_runs_with_another_folder_is_to_get_its_own_again() -> None:
    waiting = Waiting(patience_s=2.0)
    assert waiting.sentence((2, 3), 10.0) == ""
    assert "waits for servers 2, 3, which" in waiting.sentence((2, 3), 12.0)
    assert waiting.sentence((2, 3), 13.0, frozenset({1, 2})) == ""
    assert waiting.sentence((2, 3), 15.0, frozenset({1, 2})).startswith(
        "waits for server 3 and the data folder that server 2 had before, which may hold messages "
        "that no other has; start it and put that folder back, or see"
    )


def test_a_server_that_may_not_join_by_itself_says_how_it_may(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # All three are waited for: one that came late would stay out.
    with Cluster(tmp_path / "data", rejoin="manual", first_start_ms=60_000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        cluster.restart(3)
        wait_until(lambda: "server 3 stays out, because rejoin is manual" in caplog.text)
        cluster.restart(3, join=True)
        cluster.wait_for_members()
    assert caplog.text.count("stays out") == 1


def test_a_server_alone_after_a_cold_start_says_who_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Cluster(tmp_path / "data") as cluster, caplog.at_level(logging.WARNING):
        cluster.start()
        cluster.wait_for_members()
        cluster.kill()
        cluster.start(3)
        wait_until(lambda: "server 3 waits for servers 1, 2" in caplog.text)
