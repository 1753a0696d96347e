"""The command that changes the configuration of servers that run: python server.py --reconfigure.

It finds the leader, asks it, and prints how that goes. It proves itself with the cluster's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import grpc

from chat.config import Address, Config, ConfigError, load_config, parse_address
from chat.rpc import chat_pb2, chat_pb2_grpc, replication_pb2, replication_pb2_grpc
from chat.server.agreement import agreement
from chat.server.identity import identity_path, load_identity, trust_of
from chat.server.peering import (
    ANYWHERE,
    OPERATOR,
    RECONFIGURE,
    SERVERS_VERSION,
    Answerer,
    Claim,
    Peering,
)
from chat.server.peers import CHANNEL_OPTIONS

_ASK_TIMEOUT_S: Final = 2.0
_SCRUTINY: Final = 3


class Refused(Exception):
    """One sentence: why nothing was changed, or what to do."""


def reconfigure(config: Config, server_id: int, new: Path) -> Iterator[str]:
    """What happens, sentence by sentence, until the servers go by the configuration in the file
    `new`. `server_id` is asked first who leads. Raises ConfigError, Refused."""
    wanted = agreement(load_config(new))
    key = identity_path(config)
    if not key.exists():  # a new one would prove nothing to servers that run
        raise Refused(f"{key} is missing: run this where a server of the cluster has its key.")
    leader, address = _find_leader(config, server_id)
    yield f"Asks server {leader} at {address}, which leads."
    for step in _ask(config, leader, address, wanted):
        if step.failed:
            raise Refused(step.words)
        yield step.words
        if step.done:
            return
    raise Refused("The leader ended its answer: ask again.")


def _find_leader(config: Config, server_id: int) -> tuple[int, Address]:
    own, trust = config.servers[server_id], trust_of(config, load_identity(config))
    for address in (own, *(each for each in config.servers.values() if each != own)):
        with trust.channel(str(address), CHANNEL_OPTIONS) as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            try:
                request = chat_pb2.GetLeaderInfoRequest()
                info = stub.GetLeaderInfo(request, timeout=_ASK_TIMEOUT_S)
            except grpc.RpcError:
                continue
        if info.leader_id:
            return info.leader_id, parse_address(info.leader_address)
    raise Refused(
        "No server leads, or none answers: only servers that serve can change (when nobody serves, "
        "see docs/OPERATIONS.md)."
    )


def _ask(
    config: Config, leader: int, address: Address, wanted: str
) -> Iterable[replication_pb2.ReconfigureResponse]:
    identity = load_identity(config)
    place = ANYWHERE if config.encrypted else str(address)
    places = {OPERATOR: ANYWHERE, leader: place}
    peering = Peering(identity.peering_key, OPERATOR, places, SERVERS_VERSION)
    with trust_of(config, identity).channel(str(address), CHANNEL_OPTIONS) as channel:
        stub = replication_pb2_grpc.ReplicationServiceStub(channel)
        request = replication_pb2.ReconfigureRequest(configuration=wanted)

        def call(claim: Claim) -> Any:
            return stub.Reconfigure(request, metadata=claim.metadata)

        try:
            yield from _proven(peering, leader, call)
        except grpc.RpcError as error:
            words = getattr(error, "details", lambda: "the connection broke")()
            raise Refused(
                f"Server {leader} did not answer to the end ({words}): ask again, and either the "
                "change is in force or nothing was changed."
            ) from error


def _proven(peering: Peering, leader: int, call: Any) -> Any:
    """The answer of the very leader, which the first time takes the call for a stranger's."""
    for _ in range(_SCRUTINY):
        claim = peering.claim(leader, RECONFIGURE)
        answers = call(claim)
        found = peering.check(claim, answers.initial_metadata())
        if found.answerer is Answerer.PEER:
            return answers
        answers.cancel()
        if found.answerer is Answerer.STRANGER:
            raise ConfigError(f"{found.words} answers where server {leader} should be")
    raise Refused(f"Server {leader} does not take this for its own cluster's: ask again.")
