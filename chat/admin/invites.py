"""The commands about invites: make, list, revoke."""

from __future__ import annotations

import argparse
from typing import Final
from uuid import uuid4

from chat.admin.answers import Answer, table, time_of
from chat.admin.servers import Servers
from chat.config import Config
from chat.invitation import Invitation
from chat.rpc import admin_pb2 as pb
from chat.server import registration
from chat.server.identity import load_identity

_DAY_MS: Final = 24 * 3600 * 1000


def make(servers: Servers, asked: argparse.Namespace) -> Answer:
    """The code is said this once, and kept nowhere: by itself, for whoever has a client that knows
    the servers, and in an invitation that sets up a new one."""
    code = registration.new_code()
    request = pb.MakeInviteRequest(
        code_hash=registration.hash_of(code), uses=asked.uses, lasts_ms=asked.days * _DAY_MS,
        by=asked.by, request_id=str(uuid4()),
    )  # fmt: skip
    servers.ask("MakeInvite", request)
    people = "1 person" if asked.uses == 1 else f"{asked.uses} people"
    days = "1 day" if asked.days == 1 else f"{asked.days} days"
    invitation = _invitation(asked.loaded, code)
    text = (
        f"{code}\n\nTo paste into a new window, which needs nothing else:\n{invitation}\n\n"
        f"For {people}, within {days}. It is not shown again."
    )
    document = {"code": code, "invitation": invitation, "uses": asked.uses, "days": asked.days}
    return Answer(document, text)


def _invitation(config: Config, code: str) -> str:
    shown = load_identity(config).fingerprint if config.encrypted else ""
    return Invitation(tuple(map(str, config.servers.values())), shown, code).text


def listed(servers: Servers, _asked: argparse.Namespace) -> Answer:
    found = [
        {
            "invite": each.invite_id,
            "by": each.by,
            "made_at": time_of(each.made_at),
            "expires_at": time_of(each.expires_at),
            "uses": each.uses,
            "uses_left": each.uses_left,
        }
        for each in servers.ask("ListInvites", pb.ListInvitesRequest()).invites
    ]
    headings = ("INVITE", "BY", "MADE", "ENDS", "USES", "LEFT")
    return Answer(found, table(headings, [tuple(i.values()) for i in found], "There are none."))


def revoke(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = pb.RevokeInviteRequest(
        invite_id=asked.invite, by=asked.by, request_id=str(uuid4())
    )  # fmt: skip
    servers.ask("RevokeInvite", request)
    return Answer({"invite": asked.invite, "done": "revoked"}, f"{asked.invite}: revoked.")
