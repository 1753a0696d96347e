"""A replicated desktop chat: three servers, no database, nothing lost."""

from __future__ import annotations

__version__ = "1.0.0"
