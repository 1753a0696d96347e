"""Guesses a day by simulated time, and that the owner gets in whoever else guesses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count

import pytest

from chat.core import limits
from chat.core.errors import Throttled
from chat.server.sign_in_queue import Caller, SignInQueue, Turn
from chat.server.throttle import NOT_NOW, Source, Throttle

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
CHECK_S = 0.2  # two cores, 0.4 s each


def turn(name: str, address: str, proof: str = "", connection: str = "") -> Turn:
    return Turn(Caller(Source(name, address, proof, connection)))


class World:
    """One thread that checks passwords, by a clock of its own; `right` has the turns that
    come with the right password, and `guessed` the moments of all the others."""

    def __init__(self, check_s: float = CHECK_S) -> None:
        self.now = 0.0
        self.queue = SignInQueue()
        self.right: set[Turn] = set()
        self.done_at: dict[Turn, float] = {}
        self.guessed: list[float] = []
        self._check_s = check_s

    def owner(self, *source: str) -> Turn:
        own = turn(*source)
        self.right.add(own)
        assert self.queue.add(own, self.now) is not own, "the owner is not refused"
        return own

    def step(self, until: float) -> Turn | None:
        """Checks one password, or lets the time pass until one may be checked."""
        taken = self.queue.next(self.now)
        if taken is None:
            self.now = min(until, self.now + self.queue.wakes_in_s(self.now) + 1e-3)
            return None
        self.now += self._check_s
        is_right = taken in self.right
        self.queue.ended(taken, is_right, self.now)
        self.done_at[taken] = self.now
        if not is_right:
            self.guessed.append(self.now)
        return taken


class Attack:
    """Guesses from so many addresses, over so many connections, as often as it may: its turns
    never run out."""

    def __init__(
        self, world: World, addresses: int, waiting: int = 1, new_connections: bool = False,
        proof: str = "",
    ) -> None:  # fmt: skip
        self.world, self._proof, self._waiting = world, proof, waiting
        self._addresses = deque(f"attacker {number}" for number in range(addresses))
        self._connections: Iterator[int] = count() if new_connections else iter(lambda: 0, 1)
        self._turns: set[Turn] = set()

    def run(self, until: float) -> None:
        while self.world.now < until:
            self.step(until)

    def step(self, until: float) -> None:
        self._turns = {each for each in self._turns if each in self.world.queue}
        while len(self._turns) < self._waiting:
            address = self._addresses[0]
            self._addresses.rotate(-1)
            guess = turn("ann", address, self._proof, f"{address} {next(self._connections)}")
            self._turns.add(guess)
            self.world.queue.add(guess, self.world.now)
        self.world.step(until)

    def until_done(self, owner: Turn) -> float:
        """How long the owner waits."""
        began = self.world.now
        while owner not in self.world.done_at:
            self.step(began + DAY_S)
            assert self.world.now < began + DAY_S
        return self.world.done_at[owner] - began


def most_in_an_hour(moments: list[float]) -> int:
    return max(sum(start <= at < start + HOUR_S for at in moments) for start in moments)


@pytest.mark.parametrize("proof", ["", "a stolen device"])
def test_from_one_address_less_than_a_hundred_guesses_a_day(proof: str) -> None:
    world = World()
    attack = Attack(world, 1, proof=proof)
    attack.run(DAY_S)
    assert len(world.guessed) == 98
    attack.run(2 * DAY_S)
    assert len(world.guessed) - 98 == 84


@pytest.mark.parametrize("addresses", [20, 1_000])
def test_from_many_addresses_at_most_a_hundred_an_hour(addresses: int) -> None:
    world = World()
    attack = Attack(world, addresses, waiting=min(addresses, 32))
    attack.run(DAY_S)
    assert most_in_an_hour(world.guessed) <= 100
    allowed = limits.NAME_FAILURES_FREE + DAY_S / limits.NAME_FAILURE_GAP_S
    assert 0.98 * allowed <= len(world.guessed) <= allowed
    assert allowed == 1_250


def test_to_wait_in_between_buys_no_guesses() -> None:
    """Failures are not forgotten within a day."""
    world = World()
    attack = Attack(world, 1)
    for day in range(24):
        attack.run((day + 0.04) * HOUR_S)
        world.now = (day + 1) * HOUR_S
    assert len(world.guessed) <= 98


def test_guesses_at_once_are_no_more_than_guesses_in_a_row() -> None:
    queue = SignInQueue()
    for number in range(limits.SIGN_INS_WAITING_PER_NAME_MAX):
        queue.add(turn("ann", "here", "", str(number)), 0.0)
    begun = [queue.next(0.0) for _ in range(20)]
    assert len([each for each in begun if each]) == limits.LOGIN_FAILURES_FREE


@pytest.mark.parametrize("hours", [0.01, 1, 5, 23])
class TestTheOwnerGetsIn:
    """Somebody has guessed for so many hours, and goes on."""

    def test_with_a_known_device_at_once(self, hours: float) -> None:
        for addresses in (1, 20):
            world = World()
            attack = Attack(world, addresses, waiting=addresses)
            attack.run(hours * HOUR_S)
            own = world.owner("ann", "attacker 0", "her device")
            assert attack.until_done(own) <= 2 * CHECK_S

    def test_with_a_new_device_at_another_address_at_once(self, hours: float) -> None:
        world = World()
        attack = Attack(world, 1)
        attack.run(hours * HOUR_S)
        assert attack.until_done(world.owner("ann", "elsewhere")) <= 2 * CHECK_S

    @pytest.mark.parametrize("new_connections", [False, True])
    def test_with_a_new_device_at_the_same_address(
        self, hours: float, new_connections: bool
    ) -> None:
        world = World()
        attack = Attack(world, 1, new_connections=new_connections)
        attack.run(hours * HOUR_S)
        waited = attack.until_done(world.owner("ann", "attacker 0", "", "hers"))
        openings = 2 if new_connections else 1
        assert waited <= openings * (limits.LOGIN_WAIT_MAX_S + 1)
        assert waited < limits.SIGN_IN_WAIT_MAX_S


def test_the_owner_at_a_new_address_goes_before_a_thousand_who_have_failed() -> None:
    world = World()
    attack = Attack(world, 1_000, waiting=30)
    attack.run(20 * HOUR_S)  # by then none of them is a fresh one
    waited = attack.until_done(world.owner("ann", "elsewhere"))
    assert waited <= limits.NAME_FAILURE_GAP_S + CHECK_S


def test_wrong_passwords_of_classmates_keep_nobody_out() -> None:
    world = World()
    for number in range(30):
        world.queue.add(turn(f"pupil {number}", "school"), 0.0)
    for number in range(300):
        world.owner(f"pupil {number}", "school", "", f"window {number}")
    while world.queue.waiting():
        world.step(HOUR_S)
    assert len(world.done_at) == 330
    assert world.now <= 330 * CHECK_S + 1e-3


def test_a_class_gets_in_in_order_and_each_sees_how_many_are_before() -> None:
    world = World()
    pupils = [world.owner(f"pupil {number}", "school", "", str(number)) for number in range(300)]
    places = [world.queue.place(each, 0.0) for each in pupils]
    assert [place.before for place in places if place] == list(range(300))
    order = []
    while (done := world.step(HOUR_S)) is not None:
        order.append(done)
        last = world.queue.place(pupils[-1], world.now + len(order))
        assert last is None or last.before == 299 - len(order)
    assert order == pupils


def test_a_flood_for_one_name_gives_way() -> None:
    world = World()
    for number in range(5 * limits.SIGN_INS_WAITING_PER_NAME_MAX):
        world.queue.add(turn("ann", f"address {number}"), 0.0)
    assert len(world.queue.waiting()) == limits.SIGN_INS_WAITING_PER_NAME_MAX


@pytest.mark.parametrize("names", [1, 2_000])
def test_a_flood_by_one_address_takes_every_other_turn(names: int) -> None:
    world = World()
    for number in range(2_000):
        world.queue.add(turn(f"name {number % names}", "flood", "", "one connection"), 0.0)
    pupils = [world.owner(f"pupil {number}", "school", "", str(number)) for number in range(300)]
    while not all(each in world.done_at for each in pupils):
        world.step(HOUR_S)
    assert world.now <= 2 * 300 * CHECK_S + 0.1


def test_others_at_the_address_of_a_flood_have_their_turns() -> None:
    world = World()
    for number in range(2_000):
        world.queue.add(turn(f"name {number}", "school", "", "flood"), 0.0)
    ann = world.owner("ann", "school", "", "hers")
    while ann not in world.done_at:
        world.step(HOUR_S)
    assert world.done_at[ann] <= 2 * CHECK_S


def test_who_waits_longer_than_the_call_may_last_comes_back_in_time() -> None:
    world = World()
    Attack(world, 1).run(HOUR_S)
    patient = Caller(Source("ann", "attacker 0"), patience_s=5.0)
    with pytest.raises(Throttled) as caught:
        world.queue.add(Turn(patient), world.now)
    wait_s = int(caught.value.metadata["retry_after_ms"]) / 1000
    assert world.queue.add(Turn(patient), world.now + wait_s) is None
    assert "try again in" in caught.value.message


def test_the_place_of_who_has_to_wait_says_for_how_long() -> None:
    world = World()
    attack = Attack(world, 1)
    while len(world.guessed) < limits.LOGIN_FAILURES_FREE + 2:
        attack.step(HOUR_S)
    guess, other = turn("ann", "attacker 0"), turn("bob", "attacker 0")
    for each in (guess, other):
        world.queue.add(each, world.now)
    held, free = world.queue.place(guess, world.now), world.queue.place(other, world.now)
    assert held is not None
    assert 3_000 < held.wait_ms <= 4_000
    assert free is not None
    assert (free.before, free.wait_ms) == (0, 0)
    world.queue.leave(guess)
    assert world.queue.place(guess, world.now) is None


# --- the throttle by itself --------------------------------------------------------------------


def test_waits_double_and_a_right_password_ends_them() -> None:
    throttle, ann = Throttle(), Source("ann", "here")
    waits, now = [], 0.0
    for _ in range(20):
        waits.append(throttle.wait_s(ann, now))
        now += waits[-1]
        throttle.begin(ann)
        throttle.end(ann, right=False, now=now)
    free = [0.0] * limits.LOGIN_FAILURES_FREE
    assert waits == free + [2.0**n for n in range(10)] + [limits.LOGIN_WAIT_MAX_S] * 5
    throttle.begin(ann)
    throttle.end(ann, right=True, now=now)
    assert throttle.wait_s(ann, now) == 0.0


def test_what_was_never_checked_is_no_failure() -> None:
    throttle, ann = Throttle(), Source("ann", "here")
    for _ in range(10 * limits.NAME_FAILURES_FREE):
        throttle.begin(ann)
        throttle.end(ann, right=None, now=0.0)
    assert throttle.wait_s(ann, 0.0) == 0.0


def test_under_way_is_not_failed_but_holds_its_place() -> None:
    throttle, ann = Throttle(), Source("ann", "here")
    for _ in range(limits.LOGIN_FAILURES_FREE):
        throttle.begin(ann)
    assert throttle.wait_s(ann, 0.0) == NOT_NOW
    throttle.end(ann, right=True, now=0.0)
    assert throttle.wait_s(ann, 0.0) == 0.0


def test_failures_are_forgotten_after_a_day() -> None:
    throttle, ann = Throttle(), Source("ann", "here")
    for _ in range(9):
        throttle.begin(ann)
        throttle.end(ann, right=False, now=0.0)
    assert throttle.wait_s(ann, 0.0) == 16.0
    assert throttle.rank(ann, 1.0)[0] == 9
    assert throttle.rank(ann, DAY_S + 1)[0] == 0


def test_its_tables_have_a_bound() -> None:
    throttle = Throttle()
    for number in range(limits.THROTTLE_ENTRIES_MAX + 100):
        source = Source(f"name {number}", "here")
        throttle.begin(source)
        throttle.end(source, right=False, now=float(number))
    assert len(throttle) <= 2 * limits.THROTTLE_ENTRIES_MAX
