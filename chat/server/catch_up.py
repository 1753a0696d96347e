"""The answer to a server that lacks entries, in parts that fit into messages. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chat import wire
from chat.core.messages import Entry, Position
from chat.rpc import replication_pb2


def catch_up_parts(
    snapshot: Iterator[bytes], entries: tuple[Entry, ...], last: Position, commit: int
) -> Iterator[replication_pb2.CatchUpResponse]:
    for data in snapshot:
        chunk = replication_pb2.SnapshotChunk(data=data)
        yield replication_pb2.CatchUpResponse(snapshot=chunk)
    # 64 of the largest entries are about 1 MiB, a quarter of the largest message.
    step = 64
    for start in range(0, len(entries), step):
        part = [wire.entry_to_proto(entry) for entry in entries[start : start + step]]
        entries_part = replication_pb2.Entries(entries=part, commit=commit)
        yield replication_pb2.CatchUpResponse(entries=entries_part)
    end = replication_pb2.CatchUpEnd(last=wire.position_to_proto(last), commit=commit)
    yield replication_pb2.CatchUpResponse(end=end)
