"""Reconfiguring: a person's wish for another configuration, from the question to what came of it.

Runs on the loop's thread. The servers themselves decide (rule 14); here it is waited for and told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from chat.config import Config, ConfigError
from chat.core import limits
from chat.server import agreement
from chat.server.config_file import with_agreed
from chat.server.machine import Machine
from chat.server.timekeeper import clock_s

_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Progress:
    words: str
    done: bool = False
    failed: bool = False


async def change(machine: Machine, config: Config, text: str) -> AsyncGenerator[Progress, None]:
    """How it goes, each sentence once; the last one says what came of it. Who stops listening
    takes the wish back."""
    refused = _refusal(machine, config, text)
    if refused:
        yield Progress(refused, failed=True)
        return
    before, said = machine.replica.configuration, ""
    since = clock_s()
    try:
        while not machine.picture().goes_by(text):
            words, waits_in_vain = machine.outlook.change_words(clock_s())
            if words not in ("", said):
                said = words
                yield Progress(words)
            if not waits_in_vain:
                since = clock_s()
            if clock_s() - since > limits.NEWCOMER_PATIENCE_S or not _goes_on(machine, text):
                yield Progress(_failure(machine, said), failed=True)
                return
            await asyncio.sleep(_LOOK_S)
    finally:
        machine.replica.withdraw()
    yield Progress(f"Done: {agreement.change(before, text)}.", done=True)


def _refusal(machine: Machine, config: Config, text: str) -> str:
    try:
        encrypted = with_agreed(config, text).encrypted
    except (ConfigError, ValueError) as error:
        return f"It is no configuration ({error})."
    if encrypted != config.encrypted:
        return (
            "Servers on one computer speak in the clear and others encrypted: to change that, stop "
            'all servers and start all with the new file, as docs/OPERATIONS.md says ("tls": '
            '"always" in every file makes such a change possible).'
        )
    return machine.replica.reconfigure(text)


def _goes_on(machine: Machine, text: str) -> bool:
    """Whether what was asked for here is still under way: this server leads, or has promised,
    perhaps, a view of others."""
    promised = machine.replica.report().promised.configuration == text
    return machine.replica.leads or (promised and not machine.is_stopped)


def _failure(machine: Machine, said: str) -> str:
    if machine.replica.leads:
        return f"Nothing was changed. {said}"
    return (
        "This server does not lead any more before the change was seen to be done: ask again, and "
        "either it is in force or nothing was changed."
    )
