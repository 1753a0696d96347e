"""What the benchmarks store beforehand is what servers read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import populate
from chat.server.store import PersistentStore, Recovered

USERS, MESSAGES = 3, 40
FOLDED_AT = 256 * 1024


def recovered(folder: Path, server_id: int) -> tuple[Recovered, int]:
    store = PersistentStore(folder, server_id, populate.disk_failed)
    try:
        return store.open(), store.journal_bytes()
    finally:
        store.close()


def test_every_server_has_the_same(tmp_path: Path) -> None:
    populate.write_stores(tmp_path, 3, *populate.state_with(USERS, MESSAGES))
    states = [
        list(recovered(tmp_path, server_id)[0].state.snapshot().json_lines())
        for server_id in (1, 2, 3)
    ]
    assert states[0] == states[1] == states[2]
    assert str(MESSAGES - 1).zfill(6) in "\n".join(states[0])


def test_a_journal_is_nearly_as_long_as_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(populate, "JOURNAL_FOLD_BYTES_MIN", FOLDED_AT)
    populate.write_stores(tmp_path, 3, *populate.state_with(USERS, MESSAGES))
    populate.fill_journals(tmp_path, 3, USERS, MESSAGES)
    found = [recovered(tmp_path, server_id) for server_id in (1, 2, 3)]
    for each, length in found:
        assert 0.9 * FOLDED_AT < length < FOLDED_AT
        assert each.durable.last == found[0][0].durable.last
        assert each.durable.last.index > 11 * USERS + MESSAGES
