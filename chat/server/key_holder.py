"""KeyHolder: how a person's command asks servers that run, and proves that it holds their key.

Used by the commands, each in a process and a thread of its own; the calls block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc

from chat.config import Address, Config, ConfigError, parse_address
from chat.rpc import chat_pb2, chat_pb2_grpc
from chat.server.identity import identity_path, load_identity, trust_of
from chat.server.peering import (
    ANYWHERE,
    OPERATOR,
    SERVERS_VERSION,
    Answerer,
    Claim,
    Peering,
)
from chat.server.peers import CHANNEL_OPTIONS

_ASK_TIMEOUT_S: Final = 2.0
_SCRUTINY: Final = 3
# What nobody has said who could prove anything: a connection that was not had, or broke.
_NO_ANSWER: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Refused(Exception):
    """One sentence: why nothing was changed, or what to do."""


class KeyHolder:
    """Raises Refused where there is no key: a new one would prove nothing to servers that run;
    ConfigError where it cannot be used."""

    def __init__(self, config: Config) -> None:
        key = identity_path(config)
        if not key.exists():
            raise Refused(f"{key} is missing: run this where a server of the cluster has its key.")
        self._encrypted = config.encrypted
        self._identity = load_identity(config)
        self._trust = trust_of(config, self._identity)

    @contextmanager
    def channel(self, address: Address) -> Iterator[grpc.Channel]:
        with self._trust.channel(str(address), CHANNEL_OPTIONS) as channel:
            yield channel

    def leader_info(self, address: Address) -> chat_pb2.GetLeaderInfoResponse | None:
        """What the server there knows of all; None where none answers."""
        with self.channel(address) as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            try:
                request = chat_pb2.GetLeaderInfoRequest()
                return stub.GetLeaderInfo(request, timeout=_ASK_TIMEOUT_S)
            except grpc.RpcError:
                return None

    def find_leader(self, addresses: Iterable[Address]) -> tuple[int, Address] | None:
        """Asks the servers there, one after the other; None where none of them knows it."""
        for address in addresses:
            info = self.leader_info(address)
            if info is not None and info.leader_id:
                return info.leader_id, parse_address(info.leader_address)
        return None

    def proven(
        self, server_id: int, address: Address, method: str, call: Callable[[Claim], Any]
    ) -> Any:
        """The `call` (a stream, or a future) that the very server answers. The first one it takes
        for a stranger's, which has no effect. Raises Refused, ConfigError where another program
        answers, and grpc.RpcError where none does."""
        place = ANYWHERE if self._encrypted else str(address)
        places = {OPERATOR: ANYWHERE, server_id: place}
        peering = Peering(self._identity.peering_key, OPERATOR, places, SERVERS_VERSION)
        for _ in range(_SCRUTINY):
            claim = peering.claim(server_id, method)
            answers = call(claim)
            metadata = answers.initial_metadata()
            if not metadata and answers.code() in _NO_ANSWER:
                raise answers
            found = peering.check(claim, metadata)
            if found.answerer is Answerer.PEER:
                return answers
            answers.cancel()
            if found.answerer is Answerer.STRANGER:
                raise ConfigError(f"{found.words} answers where server {server_id} should be")
        raise Refused(f"Server {server_id} does not take this for its own cluster's: ask again.")
