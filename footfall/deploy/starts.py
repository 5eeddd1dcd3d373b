"""Starting jobs on the cluster, each from a state of its own, with their ids written down before they exist.

An id that we choose makes it certain afterwards whether a start that was cut short took place. One `flink run` starts
all jobs whose files lie in one folder: what costs time is the start of its JVM and Python.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from footfall.deploy import client, history, intents
from footfall.deploy.locks import Hold
from footfall.deploy.versions import Version
from footfall.errors import FootfallError
from footfall.settings import Settings

STATE, ID, WIDTH = "execution.state-recovery.path", "$internal.pipeline.job-id", "parallelism.default"


@dataclass(frozen=True)
class Start:
    """A job that is to be started: with which SQL, how wide, and from which savepoint or checkpoint.

    Without a savepoint it begins at the start of the topic, which is at offsets. note says in words what it is for.
    """

    version: Version
    parallelism: int
    savepoint: str | None = None
    note: str = ""
    offsets: Mapping[str, int] | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def options(self) -> list[str]:
        """Of jobs/run_sql.py, for this job alone."""
        own = {ID: self.id, WIDTH: str(self.parallelism), **({STATE: self.savepoint} if self.savepoint else {})}
        return [f"{self.version.job}:{key}={value}" for key, value in own.items()]


def begin(hold: Hold, starts: Sequence[Start], action: str, intent: str = "submitting") -> dict[str, str]:
    """Start jobs whose locks are held, and write them down; action is what they are then. Returns the id of each.

    Where one fails, none of those that were not started is wanted because of this. Raises FootfallError.
    """
    started: dict[str, str] = {}
    for group in together(starts):
        for start in group:
            hold.record(intent, start.version, **_columns(start))
        try:
            # The plan of a job that is resumed is in the row of its first start, and its rows are waited for.
            plans = run(hold.settings, group, with_plans=action != "resume")
        except BaseException as error:
            settled = [_took_place(hold, start) for start in group]
            if not all(settled) or not isinstance(error, FootfallError):
                raise
            # A job manager that has much to do answers a client that time is up, and starts the job all the same.
        else:
            for start in group:
                hold.record(action, start.version, plan=plans.get(start.version.job), **_columns(start))
        started |= {start.version.job: start.id for start in group}
    return started


def _took_place(hold: Hold, start: Start) -> bool:
    """Whether a start of which the client failed did take place, which is written down then."""
    with suppress(FootfallError):  # else the next who looks does it
        entry = history.standing(intents.settle(hold, start.version.job))
        return entry is not None and entry.flink_job_id == start.id
    return False


def run(settings: Settings, starts: Sequence[Start], *more: str, with_plans: bool = True) -> dict[str, str]:
    """The `flink run` of jobs whose files don't conflict; more are options of all. Returns the plan of each, if asked.

    For its plan each job is planned once more.
    """
    with laid_out(starts) as (sql, plans):
        own = [option for start in starts for option in start.options]
        names = [start.version.job for start in starts]
        folder = plans if with_plans else None
        client.start(settings, client.command(settings, names, set_=[*own, *more], sql=sql, plans=folder))
        return {path.stem: path.read_text() for path in plans.glob("*.json")}


@contextmanager
def laid_out(starts: Sequence[Start]) -> Iterator[tuple[Path, Path]]:
    """A folder that stands for sql/ and holds the files of these jobs, and one for the plans that Flink makes."""
    with tempfile.TemporaryDirectory(prefix="footfall-sql-") as place:
        sql, plans = Path(place) / "sql", Path(place) / "plans"
        plans.mkdir()
        for start in starts:
            start.version.write(sql)
        yield sql, plans


def together(starts: Sequence[Start]) -> list[list[Start]]:
    """The starts in as few groups as have no file in two versions."""
    groups: list[tuple[dict[str, str], list[Start]]] = []
    for start in starts:
        files = dict(start.version.files)
        for texts, group in groups:
            if all(texts.get(name, text) == text for name, text in files.items()):
                texts |= files
                group.append(start)
                break
        else:
            groups.append((files, [start]))
    return [group for _, group in groups]


def _columns(start: Start) -> dict[str, object]:
    return {
        "flink_job_id": start.id, "parallelism": start.parallelism, "savepoint": start.savepoint,
        "note": start.note, "offsets": start.offsets,
    }  # fmt: skip
