"""Who is calling: tokens, and whose call the current one is. Runs on the loop's thread."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextvars import ContextVar

from chat.core import limits
from chat.core.errors import SessionEnded
from chat.core.state.model import Session

# The session of the call that the current task answers; set by CallGate alone.
_caller: ContextVar[Session | SessionEnded] = ContextVar("caller")
# The server that has proven to make it, 0 = none; also set by CallGate alone.
_peer: ContextVar[int] = ContextVar("peer", default=0)


def caller() -> Session:
    """The session that the current call's token belongs to (not for public calls).
    SessionEnded in DeleteAccount, whose method looks first whether it was done before."""
    known = _caller.get()
    if isinstance(known, SessionEnded):
        raise known
    return known


def caller_name() -> str:
    """Of the current call's user; empty where it has none."""
    known = _caller.get(None)
    return known.username if isinstance(known, Session) else ""


def calling_server() -> int:
    """The id of the server that has proven to make the current call; 0 for anybody else."""
    return _peer.get()


def become(session: Session | SessionEnded) -> None:
    """Says whose call the current task answers. Only for CallGate."""
    _caller.set(session)


def become_server(server_id: int) -> None:
    """Says which server's call the current task answers. Only for CallGate."""
    _peer.set(server_id)


def token_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The token that a call bears; empty when it bears none."""
    for key, value in metadata or ():
        if key == "authorization" and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and token:
                return token
    return ""


def new_token() -> str:
    return secrets.token_urlsafe(limits.TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is stored of a token. It is 256 random bits, so one plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
