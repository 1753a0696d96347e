"""The commands about the servers themselves: status, servers, audit."""

from __future__ import annotations

import argparse
import json
from itertools import islice
from typing import Any

from chat.admin.answers import Answer, size_of, table, time_of
from chat.admin.servers import Servers, Visited
from chat.core.json_text import parse_json
from chat.rpc import admin_pb2 as pb
from chat.rpc import chat_pb2
from chat.server.agreement import agreement, differences
from chat.server.command import reconfigure
from chat.server.key_holder import Refused

_HEADINGS = (
    "SERVER", "ADDRESS", "ROLE", "VIEW", "LOG", "LAG", "STREAMS", "DATA", "FREE", "REGISTRATION",
    "VERSION", "NOTE",
)  # fmt: skip


def status(servers: Servers, _asked: argparse.Namespace) -> Answer:
    """Its status is 1 where no server leads, or the one that leads takes no writes."""
    seen = servers.look()
    answered = [each.status for each in seen if each.status is not None]
    best = max(answered, key=_weight, default=None)
    cluster = best.cluster if best is not None else chat_pb2.GetLeaderInfoResponse()
    told = {info.server_id: info for info in cluster.servers}
    rows = [_server(each, told.get(each.server_id), cluster) for each in seen]
    document = {
        "leader": cluster.leader_id,
        "view": cluster.view,
        "takes_writes": cluster.quorum_available,
        "accounts": best.accounts if best else 0,
        "rooms": best.rooms if best else 0,
        "messages": best.messages if best else 0,
        "servers": rows,
    }
    shown = table(_HEADINGS, [_row(each) for each in rows], "")
    return Answer(document, f"{shown}\n\n{_summary(document)}", int(not cluster.quorum_available))


def _weight(found: pb.GetStatusResponse) -> tuple[bool, int, int]:
    """Who leads knows best; else the newest view."""
    leads = found.cluster.leader_id == found.server_id
    return leads, found.cluster.view, found.log_index


def _server(
    seen: Visited, told: chat_pb2.ServerInfo | None, cluster: chat_pb2.GetLeaderInfoResponse
) -> dict[str, Any]:
    """As the one who knows best tells of it, and what only itself can tell."""
    own, told = seen.status, told or chat_pb2.ServerInfo(server_id=seen.server_id)
    newest = max((info.log_index for info in cluster.servers), default=0)
    log_index = own.log_index if own is not None else told.log_index
    return {
        "server": seen.server_id,
        "address": str(seen.address),
        "role": role_of(told.role),
        "view": told.view,
        "log_index": log_index,
        "lag": max(0, newest - log_index),
        "streams": own.streams if own is not None else None,
        "data_bytes": own.data_bytes if own is not None else None,
        "free_bytes": own.free_bytes if own is not None else None,
        "registration": own.registration if own is not None else None,
        "version": own.version if own is not None else None,
        "note": told.detail or ("" if own is not None else "Does not answer."),
    }


def role_of(role: chat_pb2.ServerRole.ValueType) -> str:
    """As the cluster window names it."""
    if role == chat_pb2.SERVER_ROLE_UNSPECIFIED:
        return "down"
    return chat_pb2.ServerRole.Name(role).removeprefix("SERVER_ROLE_").lower()


def _row(server: dict[str, Any]) -> tuple[object, ...]:
    known = dict(server)
    for name in ("data_bytes", "free_bytes"):
        known[name] = "-" if known[name] is None else size_of(known[name])
    return tuple("-" if value is None else value for value in known.values())


def _summary(document: dict[str, Any]) -> str:
    if not document["leader"]:
        return "No server leads: nobody can write."
    held = f"{document['accounts']} people, {document['rooms']} rooms, {document['messages']}"
    if not document["takes_writes"]:
        return f"Server {document['leader']} leads, but takes no writes now. {held} messages."
    return f"Server {document['leader']} leads view {document['view']}. {held} messages."


def servers(servers: Servers, asked: argparse.Namespace) -> Answer:
    """What the servers agree on, and who goes by something else: a server, or this file. Its
    status is 1 where something differs."""
    seen = servers.look()
    answered = [each.status for each in seen if each.status is not None]
    best = max(answered, key=_weight, default=None)
    if best is None:
        raise Refused("No server answers.")
    agreed = best.configuration
    rows = [_agreement(each, agreed) for each in seen]
    different = differences(agreement(asked.loaded), agreed, ("in this file", "by agreement"))
    settings = dict(parse_json(agreed))
    listed = {str(number): at for number, at in settings.pop("servers").items()}
    document = {
        "agreed": {"servers": listed, **settings},
        "servers": rows,
        "this_file": different,
    }
    told = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
    shown = table(("SERVER", "ADDRESS", "GOES BY IT"), [tuple(row.values()) for row in rows], "")
    file = f"This file differs: {different}." if different else "This file says the same."
    wrong = bool(different) or any(row["goes_by_it"] != "yes" for row in rows)
    return Answer(document, "\n".join((shown, "", *told, file)), int(wrong))


def _agreement(seen: Visited, agreed: str) -> dict[str, Any]:
    if seen.status is None:
        words = "does not answer"
    else:
        words = differences(seen.status.configuration, agreed, ("there", "by agreement")) or "yes"
    return {"server": seen.server_id, "address": str(seen.address), "goes_by_it": words}


def change_servers(_servers: Servers, asked: argparse.Namespace) -> Answer:
    """Each sentence is said when it comes; as JSON all of them at the end."""
    sentences = []
    for sentence in reconfigure(asked.loaded, min(asked.loaded.servers), asked.file):
        sentences.append(sentence)
        if not asked.json:
            print(sentence, flush=True)  # noqa: T201
    return Answer(sentences, "")


def audit(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = pb.ListAuditRequest(page_size=asked.limit)
    entries = [
        {
            "number": each.number,
            "at": time_of(each.at),
            "by": each.by,
            "action": each.action,
            "about": each.about,
        }
        for each in islice(servers.all_of("ListAudit", request, "entries"), asked.limit)
    ]
    headings = ("NUMBER", "AT", "BY", "ACTION", "ABOUT")
    rows = [tuple(each.values()) for each in entries]
    return Answer(entries, table(headings, rows, "Nothing was changed yet."))
