"""The chat's window from a clone: python client.py [--config FILE | --servers HOST:PORT,...]."""

from __future__ import annotations

import sys

from chat.ui.__main__ import run

if __name__ == "__main__":
    sys.exit(run())
