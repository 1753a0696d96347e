"""Who leads and how every server is, told from the reports that they sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chat.config import Address
from chat.core.replication.leadership import View
from chat.core.replication.messages import ReplicaStatus, Report
from chat.rpc import chat_pb2
from chat.server.agreement import differences
from chat.server.waiting import servers


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest report of a server; `at` in seconds on this server's clock."""

    report: Report
    at: float


@dataclass(frozen=True, slots=True)
class ClusterPicture:
    """What this server knows: its own report and the peers' (absent = never heard)."""

    server_id: int
    own: Report
    heard: Mapping[int, Heard]
    now: float
    out_s: float
    troubles: Mapping[int, str]  # what each server finds wrong with the others, in words
    waits: str = ""  # what this server itself waits for before it takes part again: a sentence
    # Servers whose data folders lack what was seen of them.
    other_folders: frozenset[int] = frozenset()

    def is_fresh(self, peer: int) -> bool:
        """Heard from lately, with the history and the configuration of this cluster."""
        return (
            self.hears(peer)
            and not self.is_foreign(peer)
            and not self.parted_at(peer)
            and not self.differences(peer)
        )

    def differences(self, peer: int) -> str:
        """How the configuration of a peer that was heard differs from this server's; mostly "",
        also where both are of the cluster's, one before the other, or one is wanted."""
        own, report = self.own, self.heard[peer].report
        if (own.agreed and report.agreed) or report.configuration == own.wanted:
            return ""
        return differences(own.configuration, report.configuration)

    def goes_by(self, configuration: str) -> bool:
        """Whether a view that is served goes by it, as far as is known here."""
        reports = [self.own, *(heard.report for heard in self.heard.values())]
        newest = max(report.installed.number for report in reports)
        return any(
            report.serving
            and report.installed.number == newest
            and report.installed.configuration == configuration
            for report in reports
        )

    def hears(self, peer: int) -> bool:
        """Lately, whatever it is."""
        heard = self.heard.get(peer)
        return heard is not None and self.now - heard.at < self.out_s

    def is_foreign(self, peer: int) -> bool:
        mine, theirs = self.own.installed.cluster_id, self.heard[peer].report.installed.cluster_id
        return bool(mine and theirs and mine != theirs)

    def parted_at(self, peer: int) -> int:
        """An entry at which the peer's history is another than this server's; 0 = none is known."""
        known = {(number, process): index for number, process, index in self.own.parted}
        return known.get((peer, self.heard[peer].report.incarnation), 0)

    @property
    def view(self) -> View:
        """The newest view that a server heard from lately has installed."""
        fresh = [self.heard[peer].report.installed for peer in self.heard if self.is_fresh(peer)]
        return max((self.own.installed, *fresh), key=lambda view: view.number)

    @property
    def leader_id(self) -> int:
        """The server that says it serves in the newest view; 0 = none."""
        view = self.view
        if self.own.serving and self.own.installed.number == view.number:
            return self.server_id
        for peer, heard in self.heard.items():
            report = heard.report
            serves = report.serving and report.installed.number == view.number
            if serves and self.is_fresh(peer) and view.has(peer, report.incarnation):
                return peer
        return 0


def leader_info(
    picture: ClusterPicture,
    addresses: Mapping[int, Address],
    remarks: Mapping[int, str],
    may_write: bool,
) -> chat_pb2.GetLeaderInfoResponse:
    """`may_write`: whether this server, if it leads, may take writes now."""
    leader_id = picture.leader_id
    own = leader_id == picture.server_id
    return chat_pb2.GetLeaderInfoResponse(
        leader_id=leader_id,
        leader_address=str(addresses[leader_id]) if leader_id in addresses else "",
        view=picture.view.number.number,
        quorum_available=may_write if own else leader_id != 0,
        servers=[
            server_info(picture, server_id, str(address), remarks.get(server_id, ""))
            for server_id, address in addresses.items()
        ],
    )


def server_info(
    picture: ClusterPicture, server_id: int, address: str, remark: str = ""
) -> chat_pb2.ServerInfo:
    """`remark` is what else there is to say of the server: it follows how it is."""
    own = server_id == picture.server_id
    heard = Heard(picture.own, picture.now) if own else picture.heard.get(server_id)
    role, detail = _role(picture, server_id, heard)
    trouble = picture.troubles.get(server_id, "") if own or picture.is_fresh(server_id) else ""
    return chat_pb2.ServerInfo(
        server_id=server_id,
        address=address,
        role=role,
        view=heard.report.installed.number.number if heard else 0,
        log_index=heard.report.last.index if heard else 0,
        last_contact_ms=round((picture.now - heard.at) * 1000) if heard else -1,
        detail=" ".join(filter(None, (detail, remark, trouble and f"Trouble: {trouble}."))),
    )


def _role(
    picture: ClusterPicture, server_id: int, heard: Heard | None
) -> tuple[chat_pb2.ServerRole.ValueType, str]:
    view = picture.view
    own = server_id == picture.server_id
    if heard is None:
        member = server_id in view.members
        waits = "Is a member of the view but has not answered yet." if member else "No contact yet."
        return chat_pb2.SERVER_ROLE_DOWN, waits
    if not own and picture.is_foreign(server_id):
        return (
            chat_pb2.SERVER_ROLE_OUT,
            f"Holds another history: move its users_{server_id} files away and start it again.",
        )
    if not own and (index := picture.parted_at(server_id)):
        return (
            chat_pb2.SERVER_ROLE_OUT,
            f"Holds another history, as entry {index} shows: keep its users_{server_id} files "
            "elsewhere and start it again.",
        )
    if not own and (different := picture.differences(server_id)):
        return (
            chat_pb2.SERVER_ROLE_OUT,
            f"Was started with another configuration: {different}. Make config.json the same "
            "everywhere and start it again.",
        )
    if own and picture.waits:
        return chat_pb2.SERVER_ROLE_OUT, picture.waits
    report, silent_s = heard.report, picture.now - heard.at
    fresh = own or picture.is_fresh(server_id)
    if view.has(server_id, report.incarnation):
        if not fresh:
            return chat_pb2.SERVER_ROLE_BACKUP, f"Has not answered for {silent_s:.0f} s."
        if server_id == picture.leader_id:
            return chat_pb2.SERVER_ROLE_LEADER, "Takes reads and writes."
        return chat_pb2.SERVER_ROLE_BACKUP, "Holds every acknowledged message."
    if not fresh or report.status is ReplicaStatus.ACTIVE:
        return chat_pb2.SERVER_ROLE_DOWN, "Does not answer; the others go on without it."
    if report.status is ReplicaStatus.OUT:
        return (
            chat_pb2.SERVER_ROLE_OUT,
            "Takes no part; its log says why (where rejoin is manual, start it with --join).",
        )
    if picture.leader_id:
        return chat_pb2.SERVER_ROLE_RECOVERING, "Catches up with the leader."
    return chat_pb2.SERVER_ROLE_RECOVERING, _waits_for(picture, server_id, view)


def _waits_for(picture: ClusterPicture, server_id: int, view: View) -> str:
    if server_id in picture.other_folders:
        return (
            "Its data folder is empty, a copy, or older than what was seen of it: it counts for "
            "nothing, and joins once others serve."
        )
    others = [member for member in sorted(view.members) if member != picture.server_id]
    missing = [member for member in others if not picture.is_fresh(member)]
    changed = [m for m in others if m in picture.other_folders and picture.is_fresh(m)]
    waits = [servers(missing)] if missing else []
    waits += [f"the data folder that {servers(changed)} had before"] if changed else []
    return f"Waits for {' and '.join(waits) or 'the servers to form a view'}."
