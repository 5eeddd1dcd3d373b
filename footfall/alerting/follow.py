"""`footfall alert test`: a condition is injected, and its alert followed until it is told, resolved, and told so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from footfall.alerting import conditions
from footfall.dashboards_preview.time_ranges import read_seconds
from footfall.errors import FootfallError
from footfall.grafana.files import Json

WITHIN = timedelta(minutes=1)  # after its `for`, a rule fires


class Clock:
    """The real one; tests have another."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Seen:
    """How the alert stands, and which contact points were told so since it does: name → why not, "" where they were."""

    state: str
    told: dict[str, str] = field(default_factory=dict)


class Place(Protocol):
    """Where rules are evaluated: this process, or a Grafana."""

    seconds: float  # between two looks

    def expects(self, status: str) -> set[str]:
        """The contact points that must be told of it: firing, resolved. Raises FootfallError where there is none."""
        ...

    def look(self) -> Seen:
        """How the alert of the test stands now."""
        ...

    def patience(self) -> timedelta:
        """How much longer than the rule says it may take there, until a contact point is told."""
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
    """Inject the rule's condition and follow its alert; say is told each step, wait what is waited for.

    What was written is removed however this ends. Raises FootfallError at the first step that does not come in time.
    """  # fmt: skip
    condition = conditions.read(str(rule["uid"]))
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

    def told(state: str, seen: Seen, expected: set[str]) -> None:
        """Wait until these contact points were told of the state."""
        end, done = clock.now() + place.patience(), set[str]()
        while True:
            for name, fault in seen.told.items():
                if name not in done and not fault:
                    done.add(name)
                    step("delivered", f"{name}, {state}")
            if expected <= done:
                return
            if clock.now() >= end:
                missing = ", ".join(
                    f"{name} ({seen.told.get(name) or 'nothing sent'})" for name in sorted(expected - done)
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

    with conditions.injected(condition, owner, writer, before) as rows:
        step("injected", f"{rows:,} rows of the site {conditions.SITE}")
        seen = until(
            ("pending", "firing"),
            WITHIN + place.patience(),
            "has not seen its condition (is this the Postgres that is asked?)",
        )
        if seen.state == "pending":
            step("pending", f"for {rule['for']}")
            seen = until(("firing",), hold + WITHIN + timedelta(seconds=2 * place.seconds), "did not fire")
        step("firing")
        told("firing", seen, expected)
    step("removed", "every row of the test")
    seen = until(("normal", "no data"), WITHIN + place.patience(), "is not resolved")
    step("resolved")
    told("resolved", seen, place.expects("resolved") & expected)


def _words(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
