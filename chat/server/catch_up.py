"""The answer to a server that lacks entries, in parts that fit into messages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chat import peer_wire
from chat.core.replication.leadership import ViewNumber
from chat.core.replication.messages import Entry, Position
from chat.core.replication.replica import Replica
from chat.rpc import replication_pb2


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for what follows `after`: a member of the view to be installed, or a newcomer."""

    peer: int
    incarnation: int
    after: int
    view: ViewNumber | None
    held: Position  # its entry at `after`


def answer(
    replica: Replica, asker: Asker, applied: Position, document: Callable[[], Iterator[bytes]]
) -> Iterator[replication_pb2.CatchUpResponse] | None:
    """None = not from me. `document` is a snapshot of the state, which ends at `applied`."""
    last = replica.may_serve_catch_up(asker.peer, asker.incarnation, asker.view, asker.held)
    if last is None:
        return None
    newcomer = asker.view is None
    everything = max(0, last.index - asker.after) + 1
    entries = replica.entries_after(asker.after, newcomer, everything)
    snapshot: Iterator[bytes] = iter(())
    if entries is None:
        snapshot = document()
        entries = replica.entries_after(applied.index, newcomer, everything)
        assert entries is not None, "the log holds what follows the commit index"
    return _parts(snapshot, entries, last, replica.commit)


def _parts(
    snapshot: Iterator[bytes], entries: tuple[Entry, ...], last: Position, commit: int
) -> Iterator[replication_pb2.CatchUpResponse]:
    for data in snapshot:
        chunk = replication_pb2.SnapshotChunk(data=data)
        yield replication_pb2.CatchUpResponse(snapshot=chunk)
    # 64 of the largest entries are about 1 MiB, a quarter of the largest message.
    step = 64
    for start in range(0, len(entries), step):
        part = [peer_wire.entry_to_proto(entry) for entry in entries[start : start + step]]
        entries_part = replication_pb2.Entries(entries=part, commit=commit)
        yield replication_pb2.CatchUpResponse(entries=entries_part)
    end = replication_pb2.CatchUpEnd(last=peer_wire.position_to_proto(last), commit=commit)
    yield replication_pb2.CatchUpResponse(end=end)
