"""The command that changes the configuration of servers that run: python server.py --reconfigure.

It finds the leader, asks it, and prints how that goes. It proves itself with the cluster's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc

from chat.config import Address, Config, load_config
from chat.rpc import replication_pb2, replication_pb2_grpc
from chat.server.agreement import agreement
from chat.server.key_holder import KeyHolder, Refused
from chat.server.peering import RECONFIGURE, Claim


def reconfigure(config: Config, server_id: int, new: Path) -> Iterator[str]:
    """What happens, sentence by sentence, until the servers go by the configuration in the file
    `new`. `server_id` is asked first who leads. Raises ConfigError, Refused."""
    wanted = agreement(load_config(new))
    holder, own = KeyHolder(config), config.servers[server_id]
    others = (each for each in config.servers.values() if each != own)
    found = holder.find_leader((own, *others))
    if found is None:
        raise Refused(
            "No server leads, or none answers: only servers that serve can change (when nobody "
            "serves, see docs/OPERATIONS.md)."
        )
    leader, address = found
    yield f"Asks server {leader} at {address}, which leads."
    for step in _ask(holder, leader, address, wanted):
        if step.failed:
            raise Refused(step.words)
        yield step.words
        if step.done:
            return
    raise Refused("The leader ended its answer: ask again.")


def _ask(
    holder: KeyHolder, leader: int, address: Address, wanted: str
) -> Iterable[replication_pb2.ReconfigureResponse]:
    with holder.channel(address) as channel:
        stub = replication_pb2_grpc.ReplicationServiceStub(channel)
        request = replication_pb2.ReconfigureRequest(configuration=wanted)

        def call(claim: Claim) -> Any:
            return stub.Reconfigure(request, metadata=claim.metadata)

        try:
            yield from holder.proven(leader, address, RECONFIGURE, call)
        except grpc.RpcError as error:
            words = getattr(error, "details", lambda: "the connection broke")()
            raise Refused(
                f"Server {leader} did not answer to the end ({words}): ask again, and either the "
                "change is in force or nothing was changed."
            ) from error
