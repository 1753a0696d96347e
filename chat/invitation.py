"""An invitation: one line to paste, by which a new client finds its servers and knows them.

`chat-invite:HOST:PORT,HOST:PORT?sha256=…&code=…&check=…`: where the servers are, the SHA-256
fingerprint of their certificate (none where they speak in the clear), the code of an invite, and
a checksum, so that one that was cut off is told from one that leads to a stranger.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from chat.config import ConfigError, parse_address
from chat.core.errors import Invalid
from chat.core.limits import FIELD_CHARACTERS_MAX

SCHEME: Final = "chat-invite:"
_FORM: Final = re.compile(
    r"chat-invite:(?P<servers>[^?&]+)\?(?:sha256=(?P<sha256>[0-9a-f]{64})&)?"
    r"code=(?P<code>[0-9A-Z-]+)&check=(?P<check>[0-9a-f]{8})"
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """`servers` are HOST:PORT; `sha256` is the fingerprint of their certificate (DER) in
    hexadecimal digits, or empty where they are on this computer and speak in the clear."""

    servers: tuple[str, ...]
    sha256: str
    code: str

    @property
    def text(self) -> str:
        pinned = f"sha256={self.sha256}&" if self.sha256 else ""
        return _checked(f"{SCHEME}{','.join(self.servers)}?{pinned}code={self.code}")


def is_invitation(text: str) -> bool:
    """Whether it is meant as one; it may be damaged."""
    return text.strip().lower().startswith(SCHEME)


def read_invitation(text: str) -> Invitation:
    """Of what was pasted: mail may have broken the line. Invalid (field "invite") where it is
    none, or not whole, or sends to another computer without saying how that one is known."""
    if len(text) > FIELD_CHARACTERS_MAX or not is_invitation(text):
        raise Invalid("invite", f"That is no invitation: one begins with {SCHEME}")
    joined = "".join(text.split())
    found = _FORM.fullmatch(joined)
    if found is None or _checked(joined.rpartition("&check=")[0]) != joined:
        raise Invalid("invite", "This invitation is damaged. Copy all of it once more.")
    try:
        addresses = [parse_address(part) for part in found["servers"].split(",")]
    except ConfigError as error:
        raise Invalid("invite", f"This invitation is of no use: {error}.") from None
    if not found["sha256"] and not all(address.is_loopback for address in addresses):
        raise Invalid("invite", "This invitation does not say which certificate its servers have.")
    return Invitation(tuple(map(str, addresses)), found["sha256"] or "", found["code"])


def _checked(text: str) -> str:
    return f"{text}&check={hashlib.sha256(text.encode()).hexdigest()[:8]}"
