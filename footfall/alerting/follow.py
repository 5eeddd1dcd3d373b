"""`footfall alert test`: injects a condition, and follows its alert until firing and resolved were both delivered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from footfall.alerting import inject
from footfall.errors import FootfallError
from footfall.grafana.query.time_ranges import read_seconds
from footfall.grafana.resources import Json
from footfall.settings import ALERT_TEST_SITE

WITHIN = timedelta(minutes=1)  # after its `for`, a rule fires


class Clock:
    """The real one; tests have another."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Seen:
    """How the alert stands, and which contact points were notified of it since: name → why not, "" where they were."""

    state: str
    notified: dict[str, str] = field(default_factory=dict)


class Place(Protocol):
    """Where rules are evaluated: this process, or a Grafana."""

    seconds: float  # between two looks

    def expects(self, status: str) -> set[str]:
        """The contact points that must be notified of firing or resolved. Raises FootfallError where there is none."""
        ...

    def look(self) -> Seen:
        """How the alert of the test stands now."""
        ...

    def patience(self) -> timedelta:
        """How much longer than the rule says it may take there, until a contact point is notified."""
        ...


@dataclass(frozen=True)
class Step:
    """One thing that happened: injected, pending, firing, delivered, removed, resolved."""

    at: datetime
    what: str
    more: str = ""


def follow(
    rule: Json,
    place: Place,
    owner: str,
    writer: str,
    clock: Clock,
    say: Callable[[Step], None],
    wait: Callable[[str], None] = lambda words: None,
) -> None:
    """Inject the rule's condition and follow its alert; say is given each step, wait what is waited for.

    What was written is removed however this ends. Raises FootfallError at the first step that does not come in time.
    """  # fmt: skip
    condition = inject.read(str(rule["uid"]))
    text = str(rule.get("for") or "0s")
    hold = timedelta(seconds=read_seconds(text)) if text not in ("0", "0s") else timedelta()
    expected = place.expects("firing")

    def step(what: str, more: str = "") -> None:
        say(Step(clock.now(), what, more))

    def until(states: tuple[str, ...], most: timedelta, words: str) -> Seen:
        """Look until it is in one of these states. Raises FootfallError when that takes longer."""
        end = clock.now() + most
        while True:
            seen = place.look()
            if seen.state in states:
                return seen
            if clock.now() >= end:
                raise FootfallError(f"{rule['uid']} {words}: it is {seen.state} after {_words(most)}")
            wait(f"{seen.state}, at most until {end:%H:%M:%S}")
            clock.sleep(place.seconds)

    def wait_for_delivery(state: str, seen: Seen, expected: set[str]) -> None:
        """Wait until these contact points were notified of the state."""
        end, done = clock.now() + place.patience(), set[str]()
        while True:
            for name, fault in seen.notified.items():
                if name not in done and not fault:
                    done.add(name)
                    step("delivered", f"{name}, {state}")
            if expected <= done:
                return
            if clock.now() >= end:
                missing = ", ".join(
                    f"{name} ({seen.notified.get(name) or 'nothing sent'})" for name in sorted(expected - done)
                )
                raise FootfallError(f"{rule['uid']} is {state}, and was not delivered to {missing}")
            wait(f"{state}, to be delivered to {', '.join(sorted(expected - done))} until {end:%H:%M:%S}")
            clock.sleep(place.seconds)
            seen = place.look()

    def before() -> None:
        if (state := place.look().state) not in ("normal", "no data"):
            raise FootfallError(
                f"{rule['uid']} is {state} already: its condition is there, so a test would show nothing"
            )

    with inject.injected(condition, owner, writer, before) as rows:
        step("injected", f"{rows:,} rows of the site {ALERT_TEST_SITE}")
        seen = until(
            ("pending", "firing"),
            WITHIN + place.patience(),
            "has not seen its condition (is this the Postgres that is asked?)",
        )
        if seen.state == "pending":
            step("pending", f"for {rule['for']}")
            seen = until(("firing",), hold + WITHIN + timedelta(seconds=2 * place.seconds), "did not fire")
        step("firing")
        wait_for_delivery("firing", seen, expected)
    step("removed", "every row of the test")
    seen = until(("normal", "no data"), WITHIN + place.patience(), "is not resolved")
    step("resolved")
    wait_for_delivery("resolved", seen, place.expects("resolved") & expected)


def _words(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
