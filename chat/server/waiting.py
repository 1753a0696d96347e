"""For whom a server waits that cannot serve yet, said once it has lasted. Pure; time comes in."""

from __future__ import annotations

from collections.abc import Sequence


class Waiting:
    """A start in which all come up at once says nothing: only what has not changed for
    `patience_s` seconds is told, and told once."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._awaited: tuple[tuple[int, ...], list[int]] = (), []
        self._since = 0.0
        self._told = False
        self._told_to_stay = self._told_to_part = False

    def invitation(self) -> str:
        """What is to be said, once, where a leader could let this server in and may not."""
        told, self._told_to_stay = self._told_to_stay, True
        if told:
            return ""
        return "stays out, because rejoin is manual: start it with --join to let it in"

    def parting(self, server_id: int) -> str:
        """What is to be said, once, of a server that the others have gone on without."""
        told, self._told_to_part = self._told_to_part, True
        if told:
            return ""
        return (
            f"server {server_id} is no longer one of the servers: they have changed their "
            "configuration. It serves nothing more: once they serve, stop it (to add it again, "
            "start it with --join)"
        )

    def sentence(
        self,
        missing: tuple[int, ...],
        now: float,
        other_folders: frozenset[int] = frozenset(),
    ) -> str:
        """What is to be said of these missing servers (ids) at `now`; mostly nothing. Some of
        them may run, with other data folders than they had."""
        run = [server_id for server_id in missing if server_id in other_folders]
        if (missing, run) != self._awaited:
            self._awaited, self._since, self._told = (missing, run), now, False
        if not missing or self._told or now - self._since < self._patience_s:
            return ""
        self._told = True
        down = [server_id for server_id in missing if server_id not in other_folders]
        whom = [servers(down)] if down else []
        whom += [f"the data folder that {servers(run)} had before"] if run else []
        remedies = [f"start {'them' if len(down) > 1 else 'it'}"] if down else []
        remedies += ["put that folder back"] if run else []
        return (
            f"waits for {' and '.join(whom)}, which may hold messages that no other has; "
            f'{" and ".join(remedies)}, or see "When nobody serves" in docs/OPERATIONS.md'
        )


def servers(ids: Sequence[int]) -> str:
    """Their name in a sentence."""
    return f"server{'s' if len(ids) > 1 else ''} {', '.join(map(str, ids))}"
