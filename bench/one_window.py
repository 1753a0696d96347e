"""A window as a process of its own, of this product or another revision's, until it is ended.

`python bench/one_window.py FOLDER ADDRESSES NAME TOKEN [unseen]`, signed in by a token that is
known. Nothing but the product is imported, so that PYTHONPATH says whose window it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chat.client.session import ChatSession
from chat.client.settings import Profile, SignIn
from chat.tls import Trust
from chat.ui.app import App


def main(arguments: Sequence[str]) -> None:
    folder, addresses, name, token, *unseen = arguments
    profile = Profile(Path(folder))
    profile.start()
    profile.update(theme="light")
    profile.keep_sign_in(SignIn(name, token, time.time() + 3600))
    servers = addresses.split(",")
    app = App(
        lambda publish: ChatSession(servers, profile.folder, publish, profile, Trust()), profile
    )
    if unseen:
        # What a window manager does to one that is minimised; here there is none to ask.
        app.root.after(1_000, app.root.withdraw)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1:])
