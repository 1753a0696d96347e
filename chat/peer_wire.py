"""Protobuf <-> core types for what servers say to each other.

Pure translation: no I/O, no state. What does not translate is a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from chat.core import limits
from chat.core.replication import messages
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    Disk,
    Entry,
    Message,
    Ping,
    Pong,
    Position,
    ReplicaStatus,
    Report,
    SeenRecord,
)
from chat.core.state.form import operation_from_text
from chat.rpc import health_pb2, replication_pb2

# Around an entry in a message: its field and its length.
_FRAMING_BYTES: Final = 8

# --- views and positions -------------------------------------------------------------


def view_number_to_proto(number: ViewNumber) -> replication_pb2.ViewNumber:
    return replication_pb2.ViewNumber(number=number.number, proposer=number.proposer)


def view_number_from_proto(number: replication_pb2.ViewNumber) -> ViewNumber:
    if number.number == 0 and number.proposer == 0:
        return NO_VIEW
    return ViewNumber(number.number, number.proposer)


def position_to_proto(position: Position) -> replication_pb2.Position:
    return replication_pb2.Position(
        index=position.index, view=view_number_to_proto(position.view), link=position.link
    )


def position_from_proto(position: replication_pb2.Position) -> Position:
    return Position(position.index, view_number_from_proto(position.view), position.link)


def _members_to_proto(members: Iterable[tuple[int, int]]) -> list[replication_pb2.Member]:
    return [
        replication_pb2.Member(server_id=server_id, incarnation=incarnation)
        for server_id, incarnation in sorted(members)
    ]


def _members_from_proto(members: Iterable[replication_pb2.Member]) -> Iterator[tuple[int, int]]:
    return ((member.server_id, member.incarnation) for member in members)


def view_to_proto(view: View) -> replication_pb2.View:
    return replication_pb2.View(
        number=view_number_to_proto(view.number),
        members=_members_to_proto(view.members.items()),
        cluster_id=view.cluster_id,
        configuration=view.configuration,
    )


def view_from_proto(view: replication_pb2.View) -> View:
    members = dict(_members_from_proto(view.members))
    number = view_number_from_proto(view.number)
    return View(number, members, view.cluster_id, view.configuration)


_KIND_TO_PROTO: Final = {
    ChangeKind.SHRINK: replication_pb2.CHANGE_KIND_SHRINK,
    ChangeKind.GROW: replication_pb2.CHANGE_KIND_GROW,
    ChangeKind.COLD: replication_pb2.CHANGE_KIND_COLD,
}
_KIND_FROM_PROTO: Final[dict[int, ChangeKind]] = {
    number: kind for kind, number in _KIND_TO_PROTO.items()
}
_STATUS_TO_PROTO: Final = {
    ReplicaStatus.ACTIVE: replication_pb2.REPLICA_STATUS_ACTIVE,
    ReplicaStatus.RECOVERING: replication_pb2.REPLICA_STATUS_RECOVERING,
    ReplicaStatus.OUT: replication_pb2.REPLICA_STATUS_OUT,
}
_STATUS_FROM_PROTO: Final[dict[int, ReplicaStatus]] = {
    number: status for status, number in _STATUS_TO_PROTO.items()
}


def _kind_from_proto(number: int) -> ChangeKind:
    kind = _KIND_FROM_PROTO.get(number)
    if kind is None:
        raise ValueError(f"unknown kind of view change: {number}")
    return kind


# --- entries ---------------------------------------------------------------------------


def entry_to_proto(entry: Entry) -> replication_pb2.Entry:
    view = view_number_to_proto(entry.view)
    return replication_pb2.Entry(index=entry.index, view=view, operation=entry.written().encode())


def entry_from_proto(proto: replication_pb2.Entry) -> Entry:
    """ValueError for an operation that this version does not know."""
    text = proto.operation.decode()
    operation = operation_from_text(text)
    return Entry(proto.index, view_number_from_proto(proto.view), operation, text=text)


# --- reports and pings -------------------------------------------------------------------


# Pings of servers at rest say the same again and again: to translate a report took a sixth of what
# an idle server costs. The newest of each peer, and one's own; each at most as long as a message.
_REPORTS_KEPT: Final = 16


@lru_cache(_REPORTS_KEPT)
def report_to_proto(report: Report) -> replication_pb2.PeerReport:
    """To be copied into a message, never changed."""
    return replication_pb2.PeerReport(
        incarnation=report.incarnation,
        status=_STATUS_TO_PROTO[report.status],
        serving=report.serving,
        promised=view_to_proto(report.promised),
        promised_kind=_KIND_TO_PROTO[report.promised_kind],
        installed=view_to_proto(report.installed),
        last=position_to_proto(report.last),
        commit=report.commit,
        sure=report.sure,
        dead=_members_to_proto(report.dead),
        synced=report.synced,
        configuration=report.configuration,
        committed=position_to_proto(report.committed),
        parted=[
            replication_pb2.Parted(server_id=peer, incarnation=process, index=index)
            for peer, process, index in sorted(report.parted)
        ],
        disk=_disk_to_proto(report.disk),
        is_written=report.is_written,
        is_newcomer=report.is_newcomer,
        unheard=sorted(report.unheard),
        agreed=report.agreed,
        wanted=report.wanted,
    )


def _disk_to_proto(disk: Disk) -> replication_pb2.Disk:
    return replication_pb2.Disk(id=disk.id, starts=disk.starts)


def _seen_to_proto(seen: SeenRecord) -> replication_pb2.Seen:
    return replication_pb2.Seen(
        server_id=seen.server_id,
        incarnation=seen.incarnation,
        disk=_disk_to_proto(seen.disk),
        promised=view_number_to_proto(seen.promised),
        installed=view_number_to_proto(seen.installed),
        index=seen.index,
    )


def _seen_from_proto(proto: replication_pb2.Seen) -> SeenRecord:
    return SeenRecord(
        proto.server_id,
        proto.incarnation,
        Disk(proto.disk.id, proto.disk.starts),
        view_number_from_proto(proto.promised),
        view_number_from_proto(proto.installed),
        proto.index,
    )


def report_from_proto(proto: replication_pb2.PeerReport) -> Report:
    return _report_from_bytes(proto.SerializeToString())


@lru_cache(_REPORTS_KEPT)
def _report_from_bytes(data: bytes) -> Report:
    proto = replication_pb2.PeerReport.FromString(data)
    status = _STATUS_FROM_PROTO.get(proto.status)
    if status is None:
        raise ValueError(f"unknown status of a server: {proto.status}")
    return Report(
        incarnation=proto.incarnation,
        status=status,
        serving=proto.serving,
        promised=view_from_proto(proto.promised),
        promised_kind=_kind_from_proto(proto.promised_kind),
        installed=view_from_proto(proto.installed),
        last=position_from_proto(proto.last),
        commit=proto.commit,
        sure=proto.sure,
        dead=frozenset(_members_from_proto(proto.dead)),
        synced=proto.synced,
        configuration=proto.configuration,
        committed=position_from_proto(proto.committed),
        parted=frozenset((p.server_id, p.incarnation, p.index) for p in proto.parted),
        disk=Disk(proto.disk.id, proto.disk.starts),
        is_written=proto.is_written,
        is_newcomer=proto.is_newcomer,
        unheard=frozenset(proto.unheard),
        agreed=proto.agreed,
        wanted=proto.wanted,
    )


def ping_to_proto(server_id: int, ping: Ping, trouble: str) -> health_pb2.PingRequest:
    return health_pb2.PingRequest(
        server_id=server_id,
        sent_at=ping.sent_at,
        report=report_to_proto(ping.report),
        trouble=trouble,
    )


def ping_from_proto(proto: health_pb2.PingRequest) -> Ping:
    return Ping(proto.sent_at, report_from_proto(proto.report))


def pong_to_proto(
    server_id: int, version: str, pong: Pong, trouble: str
) -> health_pb2.PingResponse:
    proto = health_pb2.PingResponse(
        alive=True,
        server_id=server_id,
        view=pong.report.installed.number.number,
        version=version,
        report=report_to_proto(pong.report),
        trouble=trouble,
    )
    if pong.echo is not None:
        proto.echo = pong.echo
    if pong.left_out_by is not None:
        proto.left_out_by.CopyFrom(view_number_to_proto(pong.left_out_by))
    if pong.lacks is not None:
        proto.lacks.CopyFrom(_seen_to_proto(pong.lacks))
    return proto


def pong_from_proto(proto: health_pb2.PingResponse) -> Pong:
    return Pong(
        echo=proto.echo if proto.HasField("echo") else None,
        left_out_by=(
            view_number_from_proto(proto.left_out_by) if proto.HasField("left_out_by") else None
        ),
        report=report_from_proto(proto.report),
        lacks=_seen_from_proto(proto.lacks) if proto.HasField("lacks") else None,
    )


# --- messages between servers ---------------------------------------------------------------


def message_to_proto(
    sender_id: int, incarnation: int, message: Message
) -> replication_pb2.PeerMessage:
    proto = replication_pb2.PeerMessage(sender_id=sender_id, incarnation=incarnation)
    name, body = _BODY_TO_PROTO[type(message)](message)
    getattr(proto, name).CopyFrom(body)
    return proto


def message_to_protos(
    sender_id: int, incarnation: int, message: Message
) -> list[replication_pb2.PeerMessage]:
    """As one, or an Append that is too long for one as several, each of them whole."""
    whole = message_to_proto(sender_id, incarnation, message)
    fits = whole.ByteSize() <= limits.PEER_MESSAGE_BYTES_MAX
    return [whole] if fits or not whole.HasField("append") else list(_in_parts(whole))


def _in_parts(whole: replication_pb2.PeerMessage) -> Iterator[replication_pb2.PeerMessage]:
    previous, entries, size = whole.append.previous, list[replication_pb2.Entry](), 0
    for entry in whole.append.entries:
        size += entry.ByteSize() + _FRAMING_BYTES
        if entries and size > limits.PEER_MESSAGE_BYTES_MAX:
            yield _part(whole, previous, entries)
            previous = replication_pb2.Position(index=entries[-1].index, view=entries[-1].view)
            entries, size = [], entry.ByteSize() + _FRAMING_BYTES
        entries.append(entry)
    yield _part(whole, previous, entries)


def _part(
    whole: replication_pb2.PeerMessage,
    previous: replication_pb2.Position,
    entries: list[replication_pb2.Entry],
) -> replication_pb2.PeerMessage:
    append = replication_pb2.Append(
        view=whole.append.view, previous=previous, entries=entries, commit=whole.append.commit
    )
    return replication_pb2.PeerMessage(
        sender_id=whole.sender_id, incarnation=whole.incarnation, append=append
    )


def message_from_proto(proto: replication_pb2.PeerMessage) -> Message:
    """ValueError for a message that this version does not know."""
    name = proto.WhichOneof("body")
    if name is None:
        raise ValueError("a message between servers has no known body")
    message: Message = _BODY_FROM_PROTO[name](getattr(proto, name))
    return message


def _append_to_proto(m: messages.Append) -> tuple[str, replication_pb2.Append]:
    return "append", replication_pb2.Append(
        view=view_number_to_proto(m.view),
        previous=position_to_proto(m.previous),
        entries=[entry_to_proto(entry) for entry in m.entries],
        commit=m.commit,
    )


def _append_from_proto(p: replication_pb2.Append) -> messages.Append:
    return messages.Append(
        view=view_number_from_proto(p.view),
        previous=position_from_proto(p.previous),
        entries=tuple(entry_from_proto(entry) for entry in p.entries),
        commit=p.commit,
    )


def _propose_to_proto(m: messages.Propose) -> tuple[str, replication_pb2.Propose]:
    return "propose", replication_pb2.Propose(
        view=view_to_proto(m.view),
        kind=_KIND_TO_PROTO[m.kind],
        base=view_number_to_proto(m.base),
        seen_promised=view_number_to_proto(m.seen_promised),
        seen_installed=view_number_to_proto(m.seen_installed),
        dead=_members_to_proto(m.dead),
        leaving=_members_to_proto(m.leaving.items()),
    )


def _propose_from_proto(p: replication_pb2.Propose) -> messages.Propose:
    return messages.Propose(
        view=view_from_proto(p.view),
        kind=_kind_from_proto(p.kind),
        base=view_number_from_proto(p.base),
        seen_promised=view_number_from_proto(p.seen_promised),
        seen_installed=view_number_from_proto(p.seen_installed),
        dead=tuple(_members_from_proto(p.dead)),
        leaving=dict(_members_from_proto(p.leaving)),
    )


def _promise_to_proto(m: messages.Promise) -> tuple[str, replication_pb2.Promise]:
    return "promise", replication_pb2.Promise(
        view=view_number_to_proto(m.view),
        installed=view_number_to_proto(m.installed),
        last=position_to_proto(m.last),
        commit=m.commit,
        proposer=m.proposer,
    )


def _promise_from_proto(p: replication_pb2.Promise) -> messages.Promise:
    return messages.Promise(
        view=view_number_from_proto(p.view),
        installed=view_number_from_proto(p.installed),
        last=position_from_proto(p.last),
        commit=p.commit,
        proposer=p.proposer,
    )


def _install_to_proto(m: messages.Install) -> tuple[str, replication_pb2.Install]:
    return "install", replication_pb2.Install(
        view=view_to_proto(m.view), kind=_KIND_TO_PROTO[m.kind], last=position_to_proto(m.last)
    )


def _install_from_proto(p: replication_pb2.Install) -> messages.Install:
    return messages.Install(
        view_from_proto(p.view), _kind_from_proto(p.kind), position_from_proto(p.last)
    )


_BODY_TO_PROTO: Final[dict[type[Any], Any]] = {
    messages.Append: _append_to_proto,
    messages.Appended: lambda m: (
        "appended",
        replication_pb2.Appended(view=view_number_to_proto(m.view), index=m.index),
    ),
    messages.Query: lambda m: ("query", replication_pb2.Query(nonce=m.nonce)),
    messages.QueryReply: lambda m: (
        "query_reply",
        replication_pb2.QueryReply(
            nonce=m.nonce, report=report_to_proto(m.report), seen=map(_seen_to_proto, m.seen)
        ),
    ),
    messages.Propose: _propose_to_proto,
    messages.Promise: _promise_to_proto,
    messages.Install: _install_to_proto,
    messages.Installed: lambda m: (
        "installed",
        replication_pb2.Installed(view=view_number_to_proto(m.view)),
    ),
    messages.Start: lambda m: ("start", replication_pb2.Start(view=view_number_to_proto(m.view))),
    messages.Join: lambda m: (
        "join",
        replication_pb2.Join(last=position_to_proto(m.last), commit=m.commit),
    ),
    messages.Farewell: lambda _: ("farewell", replication_pb2.Farewell()),
}
_BODY_FROM_PROTO: Final[dict[str, Any]] = {
    "append": _append_from_proto,
    "appended": lambda p: messages.Appended(view_number_from_proto(p.view), p.index),
    "query": lambda p: messages.Query(p.nonce),
    "query_reply": lambda p: messages.QueryReply(
        p.nonce, report_from_proto(p.report), tuple(map(_seen_from_proto, p.seen))
    ),
    "propose": _propose_from_proto,
    "promise": _promise_from_proto,
    "install": _install_from_proto,
    "installed": lambda p: messages.Installed(view_number_from_proto(p.view)),
    "start": lambda p: messages.Start(view_number_from_proto(p.view)),
    "join": lambda p: messages.Join(position_from_proto(p.last), p.commit),
    "farewell": lambda _: messages.Farewell(),
}
