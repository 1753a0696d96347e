"""The commands about people: users list, disable, enable, reset-password, sessions, and so on."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from chat.admin.answers import Answer, table, time_of
from chat.admin.servers import Servers
from chat.core import limits
from chat.rpc import admin_pb2 as pb
from chat.server import checks
from chat.server.key_holder import Refused
from chat.server.passwords import hash_password

_PEOPLE = {
    "NAME": "username", "STATE": "state", "SESSIONS": "sessions", "ROOMS": "rooms",
    "REGISTERED": "registered_at",
}  # fmt: skip
_USAGE = {"NAME": "username", "STATE": "state", "MESSAGES": "messages", "BYTES": "held_bytes"}


def list_users(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = pb.ListAccountsRequest(filter=asked.filter)
    users: list[dict[str, Any]] = [
        {
            "username": each.username,
            "state": "disabled" if each.disabled else "online" if each.online else "offline",
            "sessions": each.sessions,
            "rooms": each.rooms,
            "registered_at": time_of(each.registered_at),
            "messages": each.messages,
            "held_bytes": each.held_bytes,
        }
        for each in servers.all_of("ListAccounts", request, "accounts")
    ]
    shown = _PEOPLE
    if asked.usage:
        shown = _USAGE
        users.sort(key=lambda user: user["held_bytes"], reverse=True)
    rows = [tuple(user[key] for key in shown.values()) for user in users]
    return Answer(users, table(tuple(shown), rows, "There is nobody."))


def sessions(servers: Servers, asked: argparse.Namespace) -> Answer:
    answer = servers.ask("ListSessions", pb.ListSessionsRequest(username=asked.name))
    found = [
        {
            "session": each.session_id,
            "device": each.device_name,
            "opened_at": time_of(each.opened_at),
            "expires_at": time_of(each.expires_at),
        }
        for each in answer.sessions
    ]
    headings = ("SESSION", "DEVICE", "SIGNED IN", "EXPIRES")
    rows = [tuple(each.values()) for each in found]
    return Answer(found, table(headings, rows, f"{asked.name} is signed in nowhere."))


def disable(servers: Servers, asked: argparse.Namespace) -> Answer:
    servers.ask("DisableAccount", _request(pb.DisableAccountRequest, asked))
    return _done(asked, "disabled, and signed out everywhere")


def enable(servers: Servers, asked: argparse.Namespace) -> Answer:
    servers.ask("EnableAccount", _request(pb.EnableAccountRequest, asked))
    return _done(asked, "enabled")


def reset_password(servers: Servers, asked: argparse.Namespace) -> Answer:
    """The password does not leave this program: only what is kept of it."""
    password = checks.new_password(_password(asked.name), checks.username(asked.name))
    hashed = hash_password(password, limits.BCRYPT_COST)
    request = _request(pb.ResetPasswordRequest, asked, password_hash=hashed)
    servers.ask("ResetPassword", request)
    return _done(asked, "has the new password, and is signed out everywhere")


def end_sessions(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = _request(pb.EndSessionsRequest, asked, session_id=asked.session)
    ended = servers.ask("EndSessions", request).ended
    words = "1 session ended" if ended == 1 else f"{ended} sessions ended"
    return Answer({"username": asked.name, "ended": ended}, f"{asked.name}: {words}.")


def remove(servers: Servers, asked: argparse.Namespace) -> Answer:
    confirm(asked, f"Remove {asked.name} for good? The name is never given again.")
    servers.ask("RemoveAccount", _request(pb.RemoveAccountRequest, asked))
    return _done(asked, "removed for good")


def confirm(asked: argparse.Namespace, question: str) -> None:
    """Refused unless the person says yes, here or on the command line."""
    if asked.yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"{question} Say --yes.")
    print(f"{question} [y/N] ", end="", flush=True)  # noqa: T201
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("Nothing was changed.")


def _request(kind: Callable[..., Any], asked: argparse.Namespace, **more: str) -> Any:
    return kind(username=asked.name, by=asked.by, request_id=str(uuid4()), **more)


def _done(asked: argparse.Namespace, words: str) -> Answer:
    return Answer({"username": asked.name, "done": words}, f"{asked.name}: {words}.")


def _password(name: str) -> str:
    """From the terminal, unseen and twice; or the first line of standard input. Never from the
    command line, which every program on the computer can read."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"New password for {name}: ")
    if getpass.getpass("Once more: ") != password:
        raise Refused("These are two different passwords: nothing was changed.")
    return password
