"""server.py as a process that finds the other servers behind proxies.

`python -m tests.faults.proxied_server --reach 2=HOST:PORT,3=HOST:PORT --id 1 ...`
"""

from __future__ import annotations

import sys
from functools import partial
from unittest.mock import patch

from chat.config import parse_address
from chat.output import guard_output
from chat.server import __main__ as server
from chat.server.options import Options


def main() -> int:
    option, pairs, *rest = sys.argv[1:]
    assert option == "--reach"
    found = (pair.partition("=") for pair in pairs.split(","))
    reach = {int(number): parse_address(address) for number, _, address in found}
    sys.argv[1:] = rest
    with patch.object(server, "Options", partial(Options, reach=reach)):
        return server.main()


if __name__ == "__main__":
    guard_output()
    sys.exit(main())
