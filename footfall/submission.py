"""Starting and stopping jobs, written down in the history, with one hand at a time on each."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from footfall import cluster, job_history
from footfall.database import DatabaseError
from footfall.job_history import Entry
from footfall.job_versions import Version, read_version
from footfall.settings import Settings
from footfall.suite import SQL

# A job that was down for longer has forgotten ids of which copies may still come (table.exec.state.ttl): replay it.
RESTORABLE = timedelta(hours=1)


def submit(
    settings: Settings, names: Sequence[str], *, parallelism: int = 1, replay: bool = False, dry_run: bool = False
) -> list[str]:
    """Submit jobs, each from its last savepoint where that still counts, else from the start of the topic.

    Returns a line for each job (with dry_run: the commands). Raises FootfallError where one runs already.
    """
    versions = {name: read_version(SQL, name) for name in names}
    options = ["-p", str(parallelism)]
    with ExitStack() as stack:
        if not dry_run:
            for name in sorted(names):
                stack.enter_context(job_history.lock(settings, name, "submits"))
            cluster.refuse_running(settings, names)
        origins = {name: _origin(settings, versions[name], replay, dry_run) for name in names}
        fresh = [name for name in names if origins[name][0] is None]
        groups: list[tuple[list[str], str | None]]
        groups = [([name], savepoint) for name, (savepoint, _) in origins.items() if savepoint]
        groups += [(fresh, None)] if fresh else []
        if dry_run:
            return [shlex.join(cluster.command(settings, group, *options, *_from(at))) for group, at in groups]
        for group, savepoint in groups:
            started = start(settings, group, *options, *_from(savepoint))
            for name, (job, plan) in started.items():
                job_history.write(
                    settings, "submit", versions[name], flink_job_id=job, parallelism=parallelism,
                    savepoint=savepoint, plan=plan, note=origins[name][1],
                )  # fmt: skip
    return [f"{name}: {origins[name][1]}" for name in names]


def start(settings: Settings, names: Sequence[str], *options: str, **more: object) -> dict[str, tuple[str, str | None]]:
    """Submit to Flink and write nothing down; returns the id and the compiled plan of each job.

    options are flink's, more those of cluster.command. Raises FootfallError.
    """
    with tempfile.TemporaryDirectory(prefix="footfall-plans-") as folder:
        ids = cluster.start(settings, cluster.command(settings, names, *options, plans=Path(folder), **more))  # type: ignore[arg-type]
        plans = {path.stem: path.read_text() for path in Path(folder).glob("*.json")}
    return {name: (id_, plans.get(name)) for name, id_ in ids.items()}


@contextmanager
def laid_out(version: Version) -> Iterator[Path]:
    """A folder that stands for sql/ and holds this version of a job."""
    with tempfile.TemporaryDirectory(prefix="footfall-sql-") as folder:
        yield version.write(Path(folder))


def stop(settings: Settings, name: str, *, dry_run: bool = False) -> str:
    """Stop a job with a savepoint, from which the next submit goes on. Returns the savepoint (dry_run: the command)."""
    if dry_run:
        return shlex.join(cluster.stop_command(settings, cluster.running(settings, name)))
    with job_history.lock(settings, name, "stops"):
        job = cluster.running(settings, name)
        return stop_and_note(settings, job, job_history.entries(settings, name))


def stop_and_note(settings: Settings, job: cluster.Job, history: Sequence[Entry], note: str = "") -> str:
    """Stop a job whose lock is held, and write it down with the SQL that it ran. Returns the savepoint."""
    started = running_entry(job, history)
    version = started.version if started else read_version(SQL, job.name)
    savepoint = cluster.stop(settings, job)
    job_history.write(settings, "stop", version, flink_job_id=job.id, savepoint=savepoint, note=note)
    return savepoint


def running_entry(job: cluster.Job, history: Sequence[Entry]) -> Entry | None:
    """The entry of the history that started this job; none where `flink run` alone did."""
    return next((entry for entry in history if entry.flink_job_id == job.id and entry.action != "stop"), None)


def last_stop(history: Sequence[Entry]) -> Entry | None:
    """The stop from whose savepoint a job could go on: the last thing done to it, less than an hour ago."""
    last = next((entry for entry in history if entry.action != "failed"), None)
    if last and last.action == "stop" and not last.savepoint_removed_at and last.age < RESTORABLE:
        return last
    return None


def expire_savepoints(settings: Settings) -> list[str]:
    """Remove the savepoints that are past their time; returns a sentence for each."""
    lines = []
    for savepoint in job_history.expired_savepoints(settings):
        refusal = cluster.dispose_savepoint(settings, savepoint)
        if not refusal:
            job_history.mark_removed(settings, savepoint)
        lines.append(f"savepoint {savepoint} " + (f"could not be removed: {refusal}" if refusal else "removed"))
    return lines


def _from(savepoint: str | None) -> list[str]:
    return ["-s", savepoint] if savepoint else []


def _origin(settings: Settings, version: Version, replay: bool, dry_run: bool) -> tuple[str | None, str]:
    """(savepoint, in words) from which a job is to start."""
    start_of_topic = "from the start of the topic"
    if replay:
        return None, start_of_topic
    try:
        history = job_history.entries(settings, version.job)
    except DatabaseError:
        if dry_run:
            return None, start_of_topic
        raise
    stops = [entry for entry in history if entry.action != "failed"][:1]
    if not stops or stops[0].action != "stop":
        return None, start_of_topic
    last = last_stop(history)
    if last is None:
        return None, f"{start_of_topic}: it was down for more than an hour"
    if last.version.id != version.id:
        return None, f"{start_of_topic}: its SQL has changed since it was stopped"
    return last.savepoint, f"from its savepoint of {last.age.total_seconds():.0f} s ago"
