"""How servers know each other: by the cluster's secret, and by versions that fit together."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, Final

PEER_SECRET_KEY: Final = "chat-peer-secret"  # noqa: S105 - the name, not the secret
PEER_VERSION_KEY: Final = "chat-peer-version"


def major(version: str) -> str:
    """Its first number: what differs there does not work together."""
    return version.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Peering:
    """What one server shows the others in the metadata of every call, and asks of them."""

    secret: str
    version: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return ((PEER_SECRET_KEY, self.secret), (PEER_VERSION_KEY, self.version))

    def is_peer(self, metadata: Any) -> bool:
        """Whether the call bears the cluster's secret (compared in constant time), and no
        version of another kind."""
        pairs = dict(metadata or ())
        offered = pairs.get(PEER_SECRET_KEY, "")
        if not isinstance(offered, str):
            return False
        known = hmac.compare_digest(offered.encode(), self.secret.encode())
        return known and self.fits(str(pairs.get(PEER_VERSION_KEY, self.version)))

    def fits(self, version: str) -> bool:
        return major(version) == major(self.version)
