"""Data of format 1, before entries were chained: what the servers of then wrote is all there.

`format_1` was written by three such servers (`users_N.json` with a part, `users_N.journal` with
the rest): messages read, unread and taken back, an account removed, a leader's view without
server 3 and its return, then a loss of power. `said.json` is what they answered just before.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.core.files.document import FORMAT
from chat.core.replication.messages import Disk
from chat.rpc import chat_pb2 as pb
from chat.server.store import PersistentStore
from tests.cluster import Client, Cluster
from tests.server.test_store import no_failure, reopen, text

WRITTEN = Path(__file__).with_name("format_1")
SAID: dict[str, dict[str, Any]] = json.loads((WRITTEN / "said.json").read_text(encoding="utf-8"))
STATUS = {
    pb.STATUS_UNREAD: "unread",
    pb.STATUS_READ: "read",
    pb.STATUS_DELETED: "taken back",
}
SENT_TWICE = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    for path in WRITTEN.glob("users_*"):
        shutil.copy(path, made)
    return made


def as_then(person: Client) -> dict[str, Any]:
    """What the servers say now, in the form of `said.json`."""
    return {
        known.contact: {
            "unread": known.unread_count,
            "messages": [
                [m.sender, m.text, STATUS[m.status], m.sequence, m.sent_at.ToMilliseconds(), m.id]
                for m in person.history(known.contact)
            ],
        }
        for known in person.conversations().conversations
    }


@pytest.mark.parametrize("server_id", [1, 2, 3])
def test_each_servers_files_are_read_and_in_time_written_as_of_now(
    folder: Path, server_id: int
) -> None:
    store = PersistentStore(folder, server_id, no_failure)
    recovered = store.open()
    durable = recovered.durable
    assert durable.last.index == 23
    assert sorted(durable.installed.members) == [1, 2, 3]
    store.fold(recovered.state.snapshot(), durable.commit)
    store.wait_for_fold()
    store.close()
    header = json.loads((folder / f"users_{server_id}.journal").read_bytes().splitlines()[0])
    assert header["format"] == FORMAT
    again = reopen(folder, server_id)
    assert text(again.state) == text(recovered.state)
    once_more = Disk(durable.disk.id, durable.disk.starts + 1)
    assert replace(again.durable, entries=(), base=durable.base) == replace(
        durable, entries=(), disk=once_more
    )


def test_what_was_acknowledged_is_there_and_goes_on(folder: Path) -> None:
    with Cluster(folder) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ada, grace = (cluster.client(name, register=False) for name in SAID)
        assert as_then(ada) == SAID["ada"]
        assert as_then(grace) == SAID["grace"]
        again = ada.send("grace", "Sent twice, kept once.", SENT_TWICE)
        assert again.sequence == 5
        grace.read("ada")
        before = [message.text for message in ada.history("grace")]
        ada.send("grace", "in the new form")
        cluster.kill()
        cluster.start()
        cluster.wait_for_members()
        assert grace.texts("ada") == [*before, "in the new form"]


def test_a_server_whose_folder_is_still_of_then_comes_late(folder: Path) -> None:
    """All are stopped, updated and started; nobody serves before the last one has come."""
    with Cluster(folder) as cluster:
        cluster.start(1, 2)
        cluster.start(3)
        cluster.wait_for_members()
        ada = cluster.client("ada", register=False)
        ada.send("grace", "to all three")
        cluster.kill(1, 2)
        cluster.wait_for_members(3)
        assert ada.texts("grace")[-1] == "to all three"
