"""Verbs that are killed anywhere and repeated, and two of them at once: the tables are right, and history says why.

A share of it is in `make test`: a test kills its verbs at one random moment. `make kills` (KILLS=10) makes it ten, all
pairs, and what takes longer.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from footfall.deploy import cluster, history
from footfall.settings import Settings

from .faults.stack import own_stack
from .helpers import asked, count, stop_all, wait_for
from .killed import EDITS, JOBS, RESUME, SUSPEND, Killed, begin

pytestmark = pytest.mark.cluster
KILLS = int(os.environ.get("KILLS", "1"))
SEED = int(os.environ.get("KILLS_SEED", "1"))
# Verbs of which two may be given at once; each is fine, or refused in one line.
VERBS = {
    "submit": ("submit", *JOBS), "submit replay": ("submit", "--replay", *JOBS), "stop": ("stop", "sessions"),
    "stop force": ("stop", "--force", "sessions"), "run": ("run", *JOBS), "upgrade": ("upgrade", "sessions"),
    "upgrade replay": ("upgrade", "--replay", "sessions"), "rollback": ("rollback", "sessions"),
    "resume": ("-c", RESUME), "suspend": ("-c", SUSPEND), "maintain": ("maintain",),
}  # fmt: skip
PAIRS = list(combinations_with_replacement(VERBS, 2))
SOME_PAIRS = [("stop", "upgrade")]
long = pytest.mark.skipif(KILLS == 1, reason="takes minutes: `make kills`")


@pytest.fixture
def killed(stack: Settings, tmp_path: Path) -> Iterator[Killed]:
    begun = begin(stack, tmp_path / "footfall", SEED)
    yield begun
    stop_all(begun.settings)


def test_what_is_killed_and_repeated_ends_right_and_is_resumed(killed: Killed) -> None:
    for _ in range(KILLS):
        killed.kill("submit", *JOBS)
        killed.done("submit", *JOBS)
        killed.submitted()
        killed.write()
        killed.kill("stop", "sessions")
        killed.done("stop", "sessions")
        assert "sessions" not in {job.name for job in cluster.jobs(killed.settings)}
        killed.submitted()
        killed.write()
        killed.kill("-c", SUSPEND)
        killed.done("-c", SUSPEND)
        killed.kill("-c", RESUME)
        killed.resumed()
        assert {job.name for job in cluster.jobs(killed.settings)} == set(JOBS), killed.said
        killed.write()
    killed.assert_exact()
    assert_told(killed)


@long
@pytest.mark.parametrize("edit", ["restores", "replays"])
def test_an_upgrade_that_is_killed_leaves_a_job_that_runs(killed: Killed, edit: str) -> None:
    killed.done("submit", *JOBS)
    for number in range(KILLS):
        killed.checkout.edit(EDITS[edit if number % 2 == 0 else "as it is"])
        killed.write()
        killed.kill("upgrade", "sessions", sign=signal.SIGINT if number % 3 == 2 else signal.SIGKILL)
        killed.resumed()
        assert {job.name for job in cluster.jobs(killed.settings)} == set(JOBS), killed.said
        killed.write()
        killed.done("upgrade", "sessions")
    killed.kill("rollback", "sessions")
    killed.resumed()
    killed.done("rollback", "sessions")
    killed.assert_exact()
    assert_told(killed)
    assert asked(killed.settings, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replay%'") == []


@long
def test_what_begins_at_the_start_of_the_topic_over_rows_may_be_killed(killed: Killed) -> None:
    killed.done("run", *JOBS)
    for _ in range(KILLS):
        killed.write()
        killed.kill("run", *JOBS)
        killed.done("run", *JOBS)
        killed.write()
        killed.kill("submit", *JOBS)
        killed.done("submit", *JOBS)
        killed.submitted()
        killed.done("stop", "sessions")
        killed.done("stop", JOBS[0])
    killed.assert_exact()
    assert_told(killed)


@long
def test_an_erasure_that_is_killed_is_whole_or_not_there(killed: Killed) -> None:
    killed.done("submit", *JOBS)
    killed.close()
    wait_for("visits", lambda: count(killed.settings, "sessions") > 50)
    killed.done("maintain")  # a site that nobody added is known by its counts
    query = "SELECT visitor_id FROM sessions GROUP BY visitor_id HAVING count(user_id) = 0 ORDER BY visitor_id"
    visitors = [visitor for (visitor,) in asked(killed.settings, query)][: KILLS + 1]
    assert len(visitors) == KILLS + 1
    for number, visitor in enumerate(visitors):
        erase = ("person", "erase", "--yes", "--site=shop", f"--anonymous-id={visitor}")
        if number:  # the first says how long it takes
            killed.kill(*erase)
            killed.kill("maintain")
        killed.done(*erase)
        killed.done("maintain")
    assert killed.cut >= KILLS, killed.said
    killed.assert_exact(erased=visitors)


@long
def test_a_stack_that_is_killed_on_its_way_up_or_down_comes_up_and_its_jobs_go_on(tmp_path: Path) -> None:
    with own_stack(print) as (settings, _):
        killed = begin(settings, tmp_path / "footfall", SEED)
        killed.done("submit", *JOBS)
        killed.done("down")  # says how long it takes
        killed.done("up")
        for _ in range(KILLS):
            killed.write()
            killed.kill("down")
            killed.kill("up")
            killed.done("up")
            killed.done("down")
            killed.kill("up")
            killed.done("up")
            killed.resumed()
            assert {job.name for job in cluster.jobs(killed.settings)} == set(JOBS), killed.said
        assert killed.cut >= KILLS, killed.said
        killed.assert_exact()
        assert_told(killed)


@pytest.mark.parametrize(("one", "other"), PAIRS if KILLS > 1 else SOME_PAIRS)
def test_two_at_the_same_time_are_one_after_the_other_or_one_is_refused(killed: Killed, one: str, other: str) -> None:
    if one != "submit" and other not in ("submit", "run"):
        killed.done("submit", *JOBS)
        killed.checkout.edit(EDITS["restores"])
    killed.write()
    children = [killed.start(*VERBS[verb]) for verb in (one, other)]
    for child, verb in zip(children, (one, other), strict=True):
        printed, _ = child.communicate(timeout=600)
        killed.said.append(f"{verb} → {child.returncode}: {printed.strip()[-300:]}")
        assert "Traceback" not in printed, killed.said
        assert child.returncode in (0, 1), killed.said
    names = [job.name for job in cluster.jobs(killed.settings)]
    assert len(names) == len(set(names)), killed.said
    killed.assert_exact()


def assert_told(killed: Killed) -> None:
    """No intent is without an end, and `history` prints it all."""
    for job in JOBS:
        assert history.intent(history.entries(killed.settings, job)) is None
        assert killed.done("history", job).count("\n") > 2
