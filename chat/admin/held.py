"""The commands about how much the servers hold, and for how long: quota, retention."""

from __future__ import annotations

import argparse
import re
from typing import Final
from uuid import uuid4

from chat.admin.accounts import confirm
from chat.admin.answers import Answer, size_of
from chat.admin.servers import Servers
from chat.rpc import admin_pb2 as pb

_SIZE: Final = re.compile(r"(\d{1,15})([KMGT]i?B?|B)?", re.IGNORECASE)
_UNITS: Final = ("B", "K", "M", "G", "T")


def quota(servers: Servers, asked: argparse.Namespace) -> Answer:
    """Sets what is given, and shows what holds then."""
    if asked.user is not None or asked.all is not None:
        request = pb.SetQuotaRequest(
            user_bytes=asked.user, all_bytes=asked.all, by=asked.by, request_id=str(uuid4())
        )
        servers.ask("SetQuota", request)
    found = servers.ask("GetQuota", pb.GetQuotaRequest())
    document = {
        "user_bytes": found.user_bytes,
        "all_bytes": found.all_bytes,
        "held_bytes": found.held_bytes,
        "messages": found.messages,
    }
    text = (
        f"Of one person: {_bound(found.user_bytes)}. Of all: {_bound(found.all_bytes)}.\n"
        f"Held: {size_of(found.held_bytes)}, {found.messages} messages."
    )
    return Answer(document, text)


def retention(servers: Servers, asked: argparse.Namespace) -> Answer:
    """Sets what is given, and shows what holds then."""
    if asked.days is not None:
        before = servers.ask("GetRetention", pb.GetRetentionRequest()).days
        if asked.days and (not before or asked.days < before):
            confirm(asked, f"Let all messages go for good that are older than {asked.days} days?")
        request = pb.SetRetentionRequest(days=asked.days, by=asked.by, request_id=str(uuid4()))
        servers.ask("SetRetention", request)
    days = servers.ask("GetRetention", pb.GetRetentionRequest()).days
    words = f"for {days} {'day' if days == 1 else 'days'}" if days else "for ever"
    return Answer({"keep_messages_days": days}, f"Messages are kept {words}.")


def _bound(size: int) -> str:
    return f"at most {size_of(size)}" if size else "no bound"


def size(text: str) -> int:
    """Bytes, as `500M`, `2GiB` or a number say it; `0` or `none` = no bound."""
    if text.lower() == "none":
        return 0
    found = _SIZE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("a size such as 500M or 2G, or none")
    unit = (found[2] or "B")[0].upper()
    number = int(found[1]) << 10 * _UNITS.index(unit)
    if number >= 2**63:
        raise argparse.ArgumentTypeError("a size that is less than 8 million TiB")
    return number
