"""Tests of the SQL jobs: runs the cases of tests/sql/NAME.yml (footfall/sql_cases.py) and compares the tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from footfall.settings import ROOT
from footfall.sql_cases import Case, read_cases
from footfall.sql_compare import columns, compare, expectation_faults, fold, own_table, written, written_row
from jobs.sql_script import Fault, ScriptError, close_match
from jobs.sql_suite import job_names, read_job, read_suite

if TYPE_CHECKING:
    from footfall.sql_harness import Harness
from footfall.suite import UnknownJob

SQL = ROOT / "sql"
TESTS = ROOT / "tests" / "sql"
CONFIG = ROOT / "flink-conf" / "config.yaml"


@dataclass(frozen=True)
class Result:
    """What became of a case: rows that are expected and missing, rows that came unexpected, or why it didn't run."""

    case: Case
    missing: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        return not (self.missing or self.unexpected or self.error)


class _AnyValue(dict[str, str]):
    """A value for every ${NAME}: no address is used in a test."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "unused"


def test_jobs(names: Sequence[str], console: Console, sql_dir: Path = SQL, tests_dir: Path = TESTS) -> int:
    """Run the tests of the jobs, of all if none is named, and print a line a case; returns the exit code.

    0 all passed, 1 some failed or a file is wrong, 2 a name is no job.
    """

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    told: set[str] = set()

    def report(result: Result) -> None:
        say(f"{'passed' if result.passed else 'FAILED'}  {result.case.job}: {result.case.name}")
        for line in failure(result) if result.error not in told else ():
            say(line)
        told.update({result.error} - {""})  # what keeps all cases of a job from running is said once

    try:
        results = run(names, sql_dir=sql_dir, tests_dir=tests_dir, on_result=report)
    except UnknownJob as error:
        say(str(error))
        return 2
    except ScriptError as error:
        say(str(error))
        return 1
    failed = sum(not result.passed for result in results)
    say(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


test_jobs.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def run(
    names: Sequence[str] = (),
    *,
    sql_dir: Path = SQL,
    tests_dir: Path = TESTS,
    on_result: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """The results of the cases of the named jobs, of every file in tests_dir if none is named.

    on_result is called for each case as soon as it is decided. Raises UnknownJob, and ScriptError
    with the faults of the files and of the SQL that every job needs.
    """
    cases = _read_all(names, sql_dir, tests_dir)
    suite = read_suite(sql_dir, _AnyValue())
    tables = {found.name or "": columns(found) for found in suite if found.kind == "CREATE TABLE"}
    faults: list[Fault] = []
    for job, found in cases.items():
        sinks = [name for name in written(read_job(sql_dir, job)) if name in tables]
        faults += [fault for case in found for fault in expectation_faults(case, tables, sinks)]
    if faults:
        raise ScriptError(faults)
    from footfall.sql_harness import (  # pyflink takes seconds to import: after all that needs no Flink
        Harness,
        mini_cluster,
    )

    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="footfall-test-") as scratch, mini_cluster() as cluster:
        for job, found in cases.items():
            folder = Path(scratch) / job
            folder.mkdir()
            for result in _results(found, partial(Harness, sql_dir, job, suite, CONFIG, folder, cluster)):
                results.append(result)
                on_result(result)
    return results


def failure(result: Result) -> Iterator[str]:
    """The lines that say why a case failed: its place, then the missing and the unexpected rows."""
    if not result.passed:
        yield f"  {result.case.path}:{result.case.line}"
    for line in result.error.splitlines():
        yield f"  {line}"
    for kind, rows in ("missing", result.missing), ("unexpected", result.unexpected):
        for row in rows:
            yield f"  {kind:<10}  {row}"


def _read_all(names: Sequence[str], sql_dir: Path, tests_dir: Path) -> dict[str, list[Case]]:
    known = job_names(sql_dir)
    for name in names:
        if name not in known:
            raise UnknownJob(f"there is no job {name}{close_match(name, known)} (the jobs are {', '.join(known)})")
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


def _results(cases: Sequence[Case], start: Callable[[], Harness]) -> Iterator[Result]:
    """The results of one job's cases; what Flink refuses of its SQL is an error of each."""
    try:
        harness = start()
    except ScriptError as error:
        yield from (Result(case, error=str(error)) for case in cases)
        return
    for case in cases:
        try:
            changelogs = harness.run(case.given)
        except ScriptError as error:
            yield Result(case, error=str(error))
            continue
        missing: list[str] = []
        unexpected: list[str] = []
        for name, rows in case.expect.items():
            table = harness.tables[name or own_table(case.job, harness.sinks)]
            difference = compare(rows, fold(changelogs[table.name], table.key), table.columns)
            prefix = f"{name}: " if name else ""
            missing += [prefix + written_row(row) for row in difference.missing]
            unexpected += [prefix + written_row(row) for row in difference.unexpected]
        yield Result(case, missing, unexpected)
