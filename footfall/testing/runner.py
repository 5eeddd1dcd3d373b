"""Runs the cases of tests/sql on one Flink mini cluster and compares the tables with what they expect."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.planner.jvm import quick_jvm
from footfall.planner.statements import columns, written
from footfall.project.catalog import SQL, AnyValue, UnknownJob
from footfall.settings import CONFIG, ROOT
from footfall.testing.cases import Case, read_cases
from footfall.testing.compare import Difference, compare, expectation_faults, fold, own_table
from jobs.sql_script import Fault, ScriptError, Statement, close_match
from jobs.sql_suite import job_names, read_job, read_suite

if TYPE_CHECKING:
    from footfall.planner.harness import Harness, Suite

TESTS = ROOT / "tests" / "sql"


@dataclass(frozen=True)
class Result:
    """What became of a case: how each table that it names differs from what it expects, or why it didn't run.

    types are those of each table's columns.
    """

    case: Case
    differences: Mapping[str, Difference] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.error and not any(found.missing or found.unexpected for found in self.differences.values())


class Runner:
    """One mini cluster, started when it is first needed, and folders for what runs on it; both end with the block."""

    def __init__(self, sql_dir: Path = SQL, tests_dir: Path = TESTS) -> None:
        quick_jvm()
        self.sql_dir, self.tests_dir = sql_dir, tests_dir
        self._open = ExitStack()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    @cached_property
    def cluster(self) -> Any:
        from footfall.planner.harness import (
            mini_cluster,  # pyflink takes seconds to import: after all that needs no Flink
        )

        return self._open.enter_context(mini_cluster())

    def folder(self) -> Path:
        """A new empty folder."""
        return Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="footfall-test-")))

    def read(self, names: Sequence[str]) -> tuple[dict[str, list[Case]], list[Statement]]:
        """The cases of each named job, of every file if none is named, and the tables and views of all.

        Raises UnknownJob, and ScriptError with the faults of the files and of the SQL that every job needs.
        """
        cases = read_all(names, self.sql_dir, self.tests_dir)
        suite = read_suite(self.sql_dir, AnyValue())
        tables = {found.name or "": columns(found) for found in suite if found.kind == "CREATE TABLE"}
        faults: list[Fault] = []
        for job, found in cases.items():
            sinks = [name for name in written(read_job(self.sql_dir, job)) if name in tables]
            faults += [fault for case in found for fault in expectation_faults(case, tables, sinks)]
        if faults:
            raise ScriptError(faults)
        return cases, suite

    def run(self, names: Sequence[str] = (), on_result: Callable[[Result], None] = lambda _: None) -> list[Result]:
        """The results of the cases; on_result is called for each as soon as it is decided. Raises as `read` does."""
        cases, suite = self.read(names)
        results: list[Result] = []
        for job, found in cases.items():
            for result in self.results(found, suite, read_job(self.sql_dir, job)):
                results.append(result)
                on_result(result)
        return results

    def results(self, cases: Sequence[Case], suite: Sequence[Statement], job: Sequence[Statement]) -> Iterator[Result]:
        """The results of one job's cases; what Flink refuses of its SQL is an error of each."""
        try:
            harness = self.harness(suite, job)
        except ScriptError as error:
            yield from (Result(case, error=str(error)) for case in cases)
            return
        for case in cases:
            yield decide(harness, case)

    def suite(self, suite: Sequence[Statement], job: Sequence[Statement] = ()) -> Suite:
        """The tables and views in a planner of their own, with the options of the cluster and of the job."""
        from footfall.planner.harness import Suite, job_options, production_options

        return Suite(suite, {**production_options(CONFIG), **job_options(job)}, self.folder())

    def harness(self, suite: Sequence[Statement], job: Sequence[Statement]) -> Harness:
        """A job, planned. Raises ScriptError with what Flink refuses."""
        from footfall.planner.harness import Harness

        return Harness(self.suite(suite, job), job, self.cluster)


def decide(harness: Harness, case: Case) -> Result:
    """Run a case."""
    try:
        changelogs = harness.run(case.given)
    except ScriptError as error:
        return Result(case, error=str(error))
    differences, types = {}, {}
    for name, rows in case.expect.items():
        table = harness.tables[name or own_table(case.job, harness.sinks)]
        types[name] = table.columns
        differences[name] = compare(rows, fold(changelogs[table.name], table.key), table.columns)
    return Result(case, differences, types)


def check_jobs(names: Sequence[str], sql_dir: Path) -> list[str]:
    """The jobs that there are. Raises UnknownJob where a name is none of them."""
    known = job_names(sql_dir)
    for name in names:
        if name not in known:
            raise UnknownJob(f"there is no job {name}{close_match(name, known)} (the jobs are {', '.join(known)})")
    return known


def read_all(names: Sequence[str], sql_dir: Path = SQL, tests_dir: Path = TESTS) -> dict[str, list[Case]]:
    """The cases of each named job, of every file if none is named. Raises UnknownJob, ScriptError with all faults."""
    known = check_jobs(names, sql_dir)
    paths = [tests_dir / f"{name}.yml" for name in dict.fromkeys(names)] or sorted(tests_dir.glob("*.yml"))
    cases: dict[str, list[Case]] = {}
    faults: list[Fault] = [] if paths else [Fault(str(tests_dir), 0, "has no tests: write NAME.yml, NAME being a job")]
    for path in paths:
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        try:
            if path.stem not in known:
                message = f"there is no job {path.stem}{close_match(path.stem, known)}: name the file after a job"
                raise ScriptError([Fault(str(shown), 0, message)])
            if not path.exists():
                raise ScriptError([Fault(str(shown), 0, f"is missing: write a case that shows what {path.stem} does")])
            cases[path.stem] = read_cases(shown)
        except ScriptError as error:
            faults += error.faults
    if faults:
        raise ScriptError(faults)
    return cases
