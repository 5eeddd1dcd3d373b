"""Whoever looks for a word of the field finds its one definition, and no words of our own for it."""

from __future__ import annotations

import re
import subprocess

import pytest

from footfall.settings import ROOT

# Where things are not defined, but used: verbs of the command line and triggers call what they are named after, and a
# table of sql/tables is the contract of the job of the same name.
USED_IN = ("footfall/commands/", "sql/postgres/triggers/", "sql/postgres/alert_tests/", "sql/tables/")
# The word, and the file that `git ls-files | grep` finds by it: its name is the word, or its plural.
FILES = {
    "anomaly": "sql/postgres/functions/anomalies.sql",
    "attributed conversion": "sql/postgres/views/attributed_conversions.sql",
    "bot": "udfs/bots.py",
    "bounce": "sql/postgres/functions/bounce_rate.sql",
    "channel": "udfs/channels.py",
    "checkpoint": "footfall/deploy/checkpoints.py",
    "consent": "footfall/collector/consent.py",
    "conversion": "sql/postgres/views/conversions.sql",
    "custom dimension": "footfall/collector/dimensions.py",
    "denied field": "footfall/collector/denied_fields.py",
    "erase": "footfall/admin/erase.py",
    "funnel report": "sql/postgres/functions/funnel_report.sql",
    "late event": "sql/jobs/late_events.sql",
    "lineage": "footfall/project/lineage.py",
    "live session": "sql/postgres/views/live_sessions.sql",
    "rate limit": "footfall/collector/rate_limits.py",
    "replay": "footfall/deploy/replay.py",
    "retention cohort": "sql/postgres/functions/retention.sql",
    "salt": "footfall/collector/salts.py",
    "savepoint": "footfall/deploy/savepoints.py",
    "session": "sql/jobs/sessions.sql",
    "statement set": "jobs/statement_sets.py",
    "stickiness": "sql/postgres/functions/stickiness.sql",
    "unique visitor": "sql/postgres/functions/unique_visitors.sql",
    "upgrade": "footfall/deploy/upgrade.py",
    "visit": "sql/postgres/views/visits.sql",
}
# The word, and the file that `git grep CREATE` finds by it: it makes something of that name.
CREATED = {
    "channel group": "sql/functions.sql",
    "data retention": "sql/postgres/migrations/0001_baseline.sql",
    "erasure suppression": "sql/postgres/migrations/0001_baseline.sql",
    "write key": "sql/postgres/migrations/0001_baseline.sql",
}
# What is in the name of a word, where that is not the same.
NAMED = {"bounce": "bounce_rate", "custom dimension": "dimension", "retention cohort": "retention"}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    homes = ("footfall/", "sql/", "udfs/", "jobs/", "flink/")
    return [path for path in listed.stdout.splitlines() if path.startswith(homes) and not path.startswith(USED_IN)]


def pattern(word: str) -> str:
    name = NAMED.get(word, word).replace(" ", "_")
    return f"{name[:-1]}(?:y|ies)" if re.search("[^aeiou]y$", name) else f"{name}s?"


@pytest.mark.parametrize("word", FILES)
def test_the_file_of_a_word_is_found_by_its_name(word: str) -> None:
    named = re.compile(rf"/{pattern(word)}\.\w+$")
    assert [path for path in tracked() if named.search(path)] == [FILES[word]]


@pytest.mark.parametrize("word", CREATED)
def test_what_makes_a_word_is_found_by_create(word: str) -> None:
    made = re.compile(rf"^CREATE [A-Z ]+ (?:\w+_)?{pattern(word)}(?:_\w+)?\b", re.MULTILINE)
    found = [path for path in tracked() if path.endswith(".sql") and made.search((ROOT / path).read_text())]
    assert found == [CREATED[word]]


def test_words_of_our_own_have_not_come_back() -> None:
    """The field has words for them: custom dimensions, roll-ups, at ingestion, recomputed, maintenance."""
    ours = "told apart|counted ahead|at the door|counted anew|upkeep"
    found = subprocess.run(
        ["git", "grep", "-n", "-i", "-I", "-E", ours, "--", ".", ":!CHANGELOG.md", ":!tests/unit/test_words.py"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout == ""
