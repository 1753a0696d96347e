"""The command line of python -m chat.admin: what may be asked, and how it ends."""

from __future__ import annotations

import argparse
import getpass
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chat.admin import accounts, backups, cluster, conversations, held, invites
from chat.admin.answers import Answer
from chat.admin.servers import Servers
from chat.config import ConfigError, config_places, find_config, load_config
from chat.core import limits
from chat.core.errors import ChatError
from chat.server.key_holder import Refused

Command = Callable[[Servers, argparse.Namespace], Answer]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="chat-admin",
        description="For whoever runs the servers. Run it where a server has its cluster.key.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"default: the first that is there of {', '.join(map(str, config_places()))}",
    )
    common.add_argument("--json", action="store_true", help="answer as JSON")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    changing = argparse.ArgumentParser(add_help=False, parents=[common])
    changing.add_argument("--by", default=_myself(), help="who does it, for the audit")
    _add(commands, "status", cluster.status, "how the servers are", common)
    _add_users(commands, common, changing)
    _add_invites(commands, common, changing)
    _add_rooms(commands, common)
    told = _add(commands, "announce", conversations.announce, "tell everybody", changing)
    told.add_argument("text", help="one line")
    about = "how many bytes of messages may be held, and are"
    bound = _add(commands, "quota", held.quota, about, changing)
    bound.add_argument("--user", type=held.size, metavar="SIZE", help="of one person, say 500M")
    bound.add_argument("--all", type=held.size, metavar="SIZE", help="of all; none = no bound")
    about = "for how many days messages are kept"
    kept = _add(commands, "retention", held.retention, about, changing)
    days = _count(limits.KEEP_DAYS_MAX, "ever")
    kept.add_argument("--days", type=days, metavar="N", help="older ones go; ever = none does")
    kept.add_argument("--yes", action="store_true", help="do not ask")
    _add_servers(commands, common)
    _add_backups(commands, common, changing)
    listed = _add(commands, "audit", cluster.audit, "who changed what with this command", common)
    most = _count(limits.AUDIT_ENTRIES_KEPT)
    listed.add_argument("--limit", type=most, default=100, metavar="N", help="the newest N")
    return made


def _add_users(commands: Any, common: Any, changing: Any) -> None:
    about = "list people, let them in or not"
    users = commands.add_parser("users", help=about, description=about)
    actions = users.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = _add(actions, "list", accounts.list_users, "everybody, or whose name fits", common)
    listed.add_argument("filter", nargs="?", default="", help="`*` any text, `?` one character")
    listed.add_argument("--usage", action="store_true", help="how much is held of whom, most first")
    for action, command, about in (
        ("disable", accounts.disable, "sign somebody out, and let them sign in no more"),
        ("enable", accounts.enable, "let them sign in again"),
        ("reset-password", accounts.reset_password, "asks for it, or reads it from standard input"),
    ):
        _add(actions, action, command, about, changing).add_argument("name")
    shown = _add(actions, "sessions", accounts.sessions, "where somebody is signed in", common)
    shown.add_argument("name")
    ended = _add(actions, "end-sessions", accounts.end_sessions, "sign somebody out", changing)
    ended.add_argument("name")
    ended.add_argument("--session", default="", metavar="ID", help="this one alone")
    removed = _add(actions, "remove", accounts.remove, "delete somebody's account", changing)
    removed.add_argument("name")
    removed.add_argument("--yes", action="store_true", help="do not ask")


def _add_invites(commands: Any, common: Any, changing: Any) -> None:
    about = 'let people create accounts where "registration" is "invite"'
    made = commands.add_parser("invites", help=about, description=about)
    actions = made.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = _add(actions, "make", invites.make, "a new code, shown once", changing)
    uses, days = _count(limits.INVITE_USES_MAX), _count(limits.INVITE_DAYS_MAX)
    new.add_argument("--uses", type=uses, default=1, metavar="N", help="for so many people")
    new.add_argument("--days", type=days, default=7, metavar="N", help="for so long")
    _add(actions, "list", invites.listed, "those that can still be used", common)
    revoked = _add(actions, "revoke", invites.revoke, "let nobody use it any more", changing)
    revoked.add_argument("invite", help="its id in the list")


def _add_rooms(commands: Any, common: Any) -> None:
    about = "list rooms, and who is in them"
    rooms = commands.add_parser("rooms", help=about, description=about)
    actions = rooms.add_subparsers(dest="action", required=True, metavar="ACTION")
    about = "all rooms, private ones too, or those whose name fits"
    listed = _add(actions, "list", conversations.list_rooms, about, common)
    listed.add_argument("filter", nargs="?", default="", help="`*` any text, `?` one character")
    shown = _add(actions, "members", conversations.members, "who is in a room", common)
    shown.add_argument("name")


def _add_servers(commands: Any, common: Any) -> None:
    about = "what the servers agree on; other servers, addresses, periods"
    servers = commands.add_parser("servers", help=about, description=about)
    actions = servers.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "list", cluster.servers, "what is agreed on, and where it differs", common)
    about = "change to the configuration in a file, while the servers serve"
    changed = _add(actions, "change", cluster.change_servers, about, common)
    changed.add_argument("file", type=Path)


def _add_backups(commands: Any, common: Any, changing: Any) -> None:
    about = "a copy of all that the servers hold, taken while they serve"
    _add(commands, "backup", backups.backup, about, changing).add_argument("folder", type=Path)
    about = "read a copy, or the data of a server that does not run; nothing is written"
    checked = _add(commands, "verify", backups.verify, about, common)
    checked.add_argument("path", type=Path, help="a copy, or a folder")
    about = "make a data folder of a copy"
    restored = _add(commands, "restore", backups.restore, about, common)
    restored.add_argument("path", type=Path, help="a copy, or a folder: the newest in it")
    restored.add_argument("--data-dir", type=Path, metavar="DIR", help="else the configured one")
    about = "what somebody wrote and was written, or what was said in a room"
    said = _add(commands, "export", backups.export, about, changing)
    said.add_argument("name")
    said.add_argument("--from", dest="source", type=Path, metavar="PATH", help="a copy of before")


def _add(commands: Any, name: str, command: Command, about: str, options: Any) -> Any:
    added = commands.add_parser(name, help=about, description=about, parents=[options])
    added.set_defaults(run=command)
    return added


def _count(most: int, none: str = "") -> Callable[[str], int]:
    """`none` says 0, where that may be said."""

    def count(text: str) -> int:
        if none and text == none:
            return 0
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        if not 1 <= number <= most:
            raise argparse.ArgumentTypeError(f"1 to {most}")
        return number

    return count


def _myself() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        name = "unknown"
    return f"{name}@{socket.gethostname()}"[: limits.OPERATOR_CHARACTERS_MAX]


def _answer(asked: argparse.Namespace) -> Answer:
    """Copies are read without servers, and checked without a configuration."""
    reads_a_copy = asked.run is backups.verify or getattr(asked, "source", None) is not None
    if not reads_a_copy:
        asked.loaded = load_config(asked.config or find_config())
    asks = not reads_a_copy and asked.run is not backups.restore
    answer: Answer = asked.run(Servers(asked.loaded) if asks else None, asked)
    return answer


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 where the cluster is not well or refuses it; 2 where it cannot be asked for."""
    asked = parser().parse_args(arguments)
    try:
        answer = _answer(asked)
    except ConfigError as error:
        print(f"admin: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except Refused as error:
        print(f"admin: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except ChatError as error:
        print(f"admin: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    if shown := answer.shown(asked.json):
        print(shown)  # noqa: T201
    return answer.status
