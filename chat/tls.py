"""How a server is called: encrypted, or in the clear where all servers are on this computer.

All servers of a cluster show the same certificate, which callers know beforehand, so no
authority, no host names and no renewal are needed. Used by servers and clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc import aio

# What the certificate is for; addresses may change without a new one.
CERTIFICATE_NAME: Final = "chat-cluster"

ChannelOptions = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Trust:
    """`certificate` is the cluster's (PEM), and only who holds its key is spoken to; None =
    in the clear, for loopback addresses only."""

    certificate: bytes | None = None

    def channel(self, address: str, options: ChannelOptions) -> grpc.Channel:
        if self.certificate is None:
            return grpc.insecure_channel(address, options=options)
        return grpc.secure_channel(address, self._credentials(), options=_named(options))

    def aio_channel(self, address: str, options: ChannelOptions) -> aio.Channel:
        if self.certificate is None:
            return aio.insecure_channel(address, options=options)
        return aio.secure_channel(address, self._credentials(), options=_named(options))

    def _credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(root_certificates=self.certificate)


def _named(options: ChannelOptions) -> ChannelOptions:
    return (*options, ("grpc.ssl_target_name_override", CERTIFICATE_NAME))
