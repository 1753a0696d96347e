"""Outlook: what this server knows of all servers, and what it tells callers and its log of them.

Belongs to the event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from chat.config import Address
from chat.core.errors import NotLeader
from chat.core.replication.histories import advice
from chat.core.replication.messages import ReplicaStatus, Report
from chat.core.replication.replica import Replica, Rules
from chat.rpc import chat_pb2
from chat.server.agreement import LastChange, of_a_change, of_another
from chat.server.neighbours import Neighbours
from chat.server.status import ClusterPicture, Heard, leader_info
from chat.server.waiting import Waiting, servers

_log = logging.getLogger(__name__)


class Outlook:
    """`begin` gives it the replica that it tells of, a new one each time the server is reborn.
    Times are seconds on the caller's clock."""

    def __init__(self, server_id: int, addresses: Mapping[int, Address], rules: Rules) -> None:
        self.addresses = addresses
        self.neighbours = Neighbours(server_id, addresses, rules.out_s, rules.vote_s)
        self._server_id = server_id
        self._rules = rules
        self._heard: dict[int, Heard] = {}
        self._waiting = Waiting(rules.vote_s)
        self._changed = LastChange()

    def begin(self, replica: Replica) -> None:
        self._replica = replica
        _warn(of_a_change(self._server_id, self._rules, replica.report()))
        if replica.apart is not None:
            _warn(f"server {self._server_id} takes no part. {self._advice()}")

    def follow(self, rules: Rules, addresses: Mapping[int, Address], now: float) -> None:
        """The servers go by another configuration, or are about to."""
        self._changed.note(self._rules.configuration, rules.configuration, now)
        self._rules, self.addresses = rules, addresses
        self.neighbours.move(addresses)

    def hear(self, peer: int, report: Report, now: float) -> None:
        if self._replica.is_second(peer, report.incarnation):
            return
        known = self._heard.get(peer)
        if known is None or known.report.configuration != report.configuration:
            _warn(of_another(self._server_id, peer, self._replica.report(), report))
        self._heard[peer] = Heard(report, now)

    # --- for callers --------------------------------------------------------------------

    def picture(self, now: float, obstacle: str = "") -> ClusterPicture:
        """`obstacle`: why this server's data cannot be used at this moment, as a sentence."""
        return ClusterPicture(
            self._server_id,
            self._replica.report(),
            self._heard,
            now,
            self._rules.out_s,
            self.neighbours.troubles(now),
            obstacle or self._advice(),
            self._replica.other_folders,
        )

    def leader_info(
        self, now: float, obstacle: str, remarks: Mapping[int, str]
    ) -> chat_pb2.GetLeaderInfoResponse:
        """`remarks`: what else there is to say of servers."""
        picture, replica = self.picture(now, obstacle), self._replica
        change = self.change_words(now)[0] or self._changed.remark(now)
        own = " ".join(filter(None, (remarks.get(self._server_id, ""), change)))
        may_write = replica.may_read(now) or replica.holds
        return leader_info(picture, self.addresses, {**remarks, self._server_id: own}, may_write)

    def not_leader(self, now: float) -> NotLeader:
        leader_id = self.picture(now).leader_id
        if leader_id in (0, self._server_id):
            return NotLeader("No server leads at this moment; try again.", 0, "")
        address = str(self.addresses.get(leader_id, ""))
        return NotLeader(f"Server {leader_id} leads; ask it at {address}.", leader_id, address)

    def change_words(self, now: float) -> tuple[str, bool]:
        """For what the change of the configuration that was asked for here waits ("" = none was
        asked for), and whether nothing shows that this will come."""
        replica, picture = self._replica, self.picture(now)
        if not replica.wanted:
            return "", False
        if replica.obstacle:
            return replica.obstacle, True
        awaited = replica.awaited(now)
        absent = [server for server in awaited if not picture.hears(server)]
        if absent:
            where = ", ".join(f"server {server} at {replica.places[server]}" for server in absent)
            return f"Waits for {where}: start it with the new configuration and --join.", True
        if awaited:
            have = "has" if len(awaited) == 1 else "have"
            return f"Waits until {servers(awaited)} {have} caught up.", False
        return "The servers go over to another configuration.", False

    # --- for the log ----------------------------------------------------------------------

    def say(self, now: float) -> None:
        """What has to be said by now: for whom this server waits, whom it cannot reach."""
        replica = self._replica
        if replica.is_removed:
            _warn(self._waiting.parting(self._server_id))
            return
        recovers = replica.report().status is ReplicaStatus.RECOVERING
        led = bool(self.picture(now).leader_id)
        missing = replica.missing_servers(now) if recovers and not led else ()
        missing = tuple(server_id for server_id in missing if server_id != self._server_id)
        sentence = self._waiting.sentence(missing, now, replica.other_folders)
        if recovers and led and not self._rules.rejoin:
            sentence = self._waiting.invitation()
        _warn(sentence and f"server {self._server_id} {sentence}")
        for trouble in self.neighbours.news(now):
            _warn(trouble)

    def _advice(self) -> str:
        apart = self._replica.apart
        if apart is None and self._replica.is_removed:
            return "Is no longer one of the servers: stop it."
        return advice(self._server_id, apart) if apart is not None else ""


def _warn(sentence: str) -> None:
    if sentence:
        _log.warning("%s", sentence)
