"""What lies in sql/ against what runs: for each job what would happen to it and to its state. It acts on nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from footfall.deploy import checkpoints, cluster
from footfall.deploy import history as job_history
from footfall.deploy.history import Entry
from footfall.deploy.intents import BESIDE
from footfall.deploy.restore_check import Planner
from footfall.deploy.state_diff import Change, compare
from footfall.deploy.submission import last_stop, running_entry
from footfall.deploy.versions import Version, diff, other_declarations, read_version
from footfall.errors import FootfallError
from footfall.project.catalog import SQL
from footfall.settings import Settings
from jobs.sql_suite import job_names
from jobs.statement_sets import jobs_of, set_names

TRIES = 3  # of a restore, each from a newer checkpoint
Kind = Literal["unchanged", "new", "stopped", "restores", "replays", "gone"]


class NoCheckpointYet(FootfallError):
    """Whether the state of a job restores can't be tried, since it was just started."""


@dataclass(frozen=True)
class Verdict:
    """Of one job. old is what runs or ran last, new what it is to become; why is in an analyst's words.

    checkpoint is what the restore was tried from; flink_takes_it is None where it was not tried.
    """

    job: str
    kind: Kind
    why: str
    old: Version | None = None
    new: Version | None = None
    running: cluster.Job | None = None
    entry: Entry | None = None
    checkpoint: str | None = None
    flink_takes_it: bool | None = None

    @property
    def diff(self) -> list[str]:
        return diff(self.old, self.new) if self.old and self.new else []


def verdicts(
    settings: Settings, names: Sequence[str], *, say: Callable[[str], None] = lambda what: None
) -> list[Verdict]:
    """One for each of the names; without names for every job in sql/jobs and every other that runs.

    A job that runs in a statement set is reported with that.
    """
    active = {job.name: job for job in cluster.jobs(settings)}
    parts = {job for name in active for job in jobs_of(SQL, name) if job != name}
    known = [*job_names(SQL), *set_names(SQL)]
    found = []
    with Planner(settings) as planner:
        for name in names or sorted({*job_names(SQL), *active} - parts):
            say(name)
            new = read_version(SQL, name) if name in known else None
            found.append(verdict(settings, planner, name, new, active.get(name)))
    return found


def verdict(
    settings: Settings, planner: Planner, name: str, new: Version | None, running: cluster.Job | None
) -> Verdict:
    """What becomes of one job if new is to run, which is None where its file is gone.

    Raises ScriptError for wrong SQL and FootfallError where a service does not answer.
    """
    history = job_history.entries(settings, name)
    ended = None if running else last_stop(settings, history)
    entry = running_entry(running, history) if running else ended and ended[0]
    if new is None:
        why = f"it runs, and its file in sql/ is gone: `footfall stop {name}` ends it"
        if name.endswith(BESIDE):
            job = name.removesuffix(BESIDE)
            why = f"an upgrade that was cut short has left it: the next `footfall upgrade {job}` ends it"
        return Verdict(name, "gone", why, running=running)
    if running is None and entry is None:
        return Verdict(name, "new", "it does not run: it would begin at the start of the topic", new=new)
    if entry is None:
        why = "it was started by other means, so what it runs is not known: it would be replayed"
        return Verdict(name, "replays", why, None, new, running)
    old = entry.version
    checkpoint = checkpoints.latest_checkpoint(settings, running) if running else ended and ended[1].path
    if old.id == new.id:
        if running is None:
            return Verdict(name, "stopped", "it goes on from its savepoint", old, new, None, entry, checkpoint)
        return Verdict(name, "unchanged", "the files are what runs", old, new, running, entry)
    change = compare(planner.plan(old), planner.plan(new))
    if change.is_none and (files := other_declarations(old, new)):
        change = Change(True, f"the plan is the same, but {', '.join(files)} declares other options")
    if change.is_none:
        why = "the text differs, in comments or names, and the plan does not: there is nothing to do"
        return Verdict(name, "unchanged" if running else "stopped", why, old, new, running, entry, checkpoint)
    checkpoint, refusal = _tried(settings, planner, new, running, checkpoint)
    kind, why = _decide(change, checkpoint, refusal)
    return Verdict(name, kind, why, old, new, running, entry, checkpoint, None if refusal is None else not refusal)


def _tried(
    settings: Settings, planner: Planner, new: Version, running: cluster.Job | None, checkpoint: str | None
) -> tuple[str | None, str | None]:
    """From which checkpoint a restore was tried, and what Flink has against it.

    A running job removes a checkpoint once it has made two newer ones: what was refused meanwhile proves nothing.
    """
    refusal, refusal_of = None, planner.trial(new)
    for _ in range(TRIES):
        newest = checkpoints.latest_checkpoint(settings, running) if running else checkpoint
        if not newest or (refusal is not None and newest == checkpoint):
            break
        checkpoint, refusal = newest, refusal_of(newest)
        if not refusal:
            break
    return checkpoint, refusal


def _decide(change: Change, checkpoint: str | None, refusal: str | None) -> tuple[Kind, str]:
    if not change.keeps_state:
        return "replays", change.why
    if checkpoint is None:
        raise NoCheckpointYet(
            "the job has no checkpoint yet, so whether its state restores can't be tried: wait for one"
        )
    if refusal:
        return "replays", f"{change.why}, yet Flink does not find its state again: {refusal}"
    return "restores", change.why
