"""What `footfall bench` makes of its figures; the measuring itself is run by hand."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from footfall.bench.jobs import PLAIN, _bench_sql, _enrichment, _without_python
from footfall.bench.suite import _made_ahead, _medians, in_words, of_site
from footfall.project.catalog import SQL
from footfall.project.describe import plan_job
from footfall.simulate.visitors import arrivals
from jobs.sql_script import parse, read_script


def test_the_job_without_python_calls_no_function_of_ours_and_is_whole() -> None:
    text = _without_python((SQL / "jobs" / "sessions.sql").read_text())
    functions = [found.name for found in read_script(SQL / "functions.sql") if found.text.endswith("PYTHON")]
    assert functions
    assert not [name for name in functions if f"{name}(" in text]
    assert [statement.kind for statement in parse(text, "sessions.sql")] == ["CREATE VIEW", "INSERT"]
    assert text.count("(") == text.count(")")


def test_the_jobs_that_only_the_bench_has_can_be_planned() -> None:
    with _bench_sql() as sql:
        for name in ("together", PLAIN):
            assert plan_job(name, sql).plan.operators
        assert "search_term" not in (sql / "jobs" / "together.sql").read_text()  # neither of its jobs reads it


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sessions", "visits"], "footfall: no job visits (there are: arrivals_per_minute, "),
        (["--span", "0s"], "'--span': events are spread over 1s or more"),
        (["--set", "state.backend.type"], "'--set': state.backend.type is not KEY=VALUE"),
    ],
)
def test_what_can_not_be_measured_is_reported_before_anything_starts(arguments: list[str], said: str) -> None:
    command = [sys.executable, "-m", "footfall.cli", "bench", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_what_python_takes_is_the_median_over_the_rounds() -> None:
    whole, plain = [{"seconds": 10.0}, {"seconds": 10.0}, {"seconds": 20.0}], [{"seconds": 9.0}] * 3
    assert _enrichment({"sessions": whole, PLAIN: plain}) == 0.1


def test_how_far_behind_is_reported_of_the_second_and_of_the_last_quarter() -> None:
    behind = _medians("events_behind", [900, 900, 10, 20, 5, 5, 30, 50], 2)
    assert behind == {"events_behind_early": 15, "events_behind_last": 40}
    figures = {**behind, "seconds_behind_early": 71, "seconds_behind_last": 72, "state_bytes": 2_500_000}
    said = in_words({"reached": 4998, "seconds": 180.0, "jobs": {"sessions": figures}})
    assert " ".join(said.splitlines()[1].split()) == "sessions 15 → 40 events, 71 → 72 s, 2.5 MB of state"


def test_the_load_is_made_before_its_first_event_is_due() -> None:
    load = _made_ahead(500, timedelta(seconds=10))
    assert datetime.now(UTC) < load[0].time
    assert load == sorted(load, key=lambda arrival: arrival.time)
    assert load[-1].time - load[0].time < timedelta(seconds=10)
    assert 800 < len(load) < 1200  # of one of five sites


def test_further_sites_have_the_same_visitors_under_their_own_name() -> None:
    start = datetime(2026, 1, 31, 12, tzinfo=UTC)
    for arrival in islice(arrivals(seed=1, site="bench", start=start, end=None, events_per_second=50), 500):
        assert of_site("bench", arrival) == (arrival.key, arrival.value)
        key, value = of_site("bench2", arrival)
        assert key == arrival.key.replace(b"bench:", b"bench2:")
        if key != arrival.key and b'"timestamp"' in value:  # some are broken
            assert b'"site":"bench2"' in value and b'"site":"bench"' not in value
