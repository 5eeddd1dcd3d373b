"""`footfall test`: runs the cases of tests/sql/NAME.yml (footfall/testing/cases.py), once or after each save."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from footfall.project.catalog import SQL, AnyValue, UnknownJob, below, reads_and_writes, sources
from footfall.testing.compare import aligned, same, written_row, written_value
from footfall.testing.runner import TESTS, Result, Runner
from jobs.sql_script import ScriptError

WAITING = "waiting for a save in sql or tests/sql; Ctrl-C ends it"


def test_jobs(names: Sequence[str], console: Console, sql_dir: Path = SQL, tests_dir: Path = TESTS) -> int:
    """Run the tests of the jobs, of all if none is named, and print a line a case; returns the exit code.

    0 all passed, 1 some failed or a file is wrong, 2 a name is no job.
    """
    with Runner(sql_dir, tests_dir) as runner:
        return _run(runner, names, console)


test_jobs.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def watch_jobs(
    names: Sequence[str],
    console: Console,
    sql_dir: Path = SQL,
    tests_dir: Path = TESTS,
    saves: Iterable[Iterable[Path]] | None = None,
) -> int:
    """Run the tests, then after each save those of the jobs that it touches, until Ctrl-C or the end of saves."""
    try:
        with Runner(sql_dir, tests_dir) as runner:
            code = _run(runner, names, console)
            _say(console, WAITING)
            for changed in _saves(sql_dir, tests_dir) if saves is None else saves:
                try:
                    again = affected(changed, names, sql_dir, tests_dir)
                except ScriptError as error:
                    _say(console, str(error))
                    continue
                if again:
                    _say(console, "")
                    code = _run(runner, again, console)
                    _say(console, WAITING)
            return code
    except KeyboardInterrupt:
        _say(console, "")
        return 0


def affected(changed: Iterable[Path], names: Sequence[str], sql_dir: Path = SQL, tests_dir: Path = TESTS) -> list[str]:
    """Which of the named jobs, of all that have a test if none is named, the changed files have a part in."""
    made_of = sources(AnyValue(), sql_dir)
    own = {path.stem for path in changed if path.parent.name in ("jobs", tests_dir.name)}
    flinks = [path for path in changed if path.suffix == ".sql" and path.parent.parent.name != "postgres"]
    used = {path.stem for path in flinks if path.parent.name != "jobs"}
    jobs = []
    for name in names or sorted(path.stem for path in tests_dir.glob("*.yml")):
        reads, writes = reads_and_writes(name, sql_dir) if used else ([], [])
        if name in own or used & {"functions", *reads, *writes, *below(made_of, reads)}:
            jobs.append(name)
    return jobs


def failure(result: Result) -> Iterator[str]:
    """The lines that say why a case failed: its place, then the missing and the unexpected rows."""
    if not result.passed:
        yield f"  {result.case.path}:{result.case.line}"
    for line in result.error.splitlines():
        yield f"  {line}"
    for kind in ("missing", "unexpected"):
        for name, difference in result.differences.items():
            for row in getattr(difference, kind):
                yield f"  {kind:<10}  {f'{name}: ' if name else ''}{written_row(row)}"


def side_by_side(result: Result) -> Iterator[Table]:
    """Each missing row beside the unexpected one that is most like it; what differs is in colour."""
    for name, difference in result.differences.items():
        for wanted, found in aligned(difference, result.types[name]):
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
            table.add_column(Text(f"  {name}", "dim"))
            table.add_column("expected", style="green")
            table.add_column("found", style="red")
            for column in wanted or found or {}:
                left = None if wanted is None else written_value(wanted[column])
                right = None if found is None else written_value(found.get(column))
                alike = (
                    wanted is not None
                    and found is not None
                    and same(wanted[column], found.get(column), result.types[name].get(column, ""))
                )
                style = "dim" if alike else ""
                table.add_row(f"  {column}", Text(left or "", style), Text(right or "", style))
            if wanted is None or found is None:
                table.columns[1 if wanted is None else 2].header = Text("no such row", "dim")
            yield table


def _run(runner: Runner, names: Sequence[str], console: Console) -> int:
    said: set[str] = set()

    def report(result: Result) -> None:
        _say(console, f"{'passed' if result.passed else 'FAILED'}  {result.case.job}: {result.case.name}")
        if result.differences and not result.passed and console.is_terminal:
            _say(console, next(failure(result)))
            for table in side_by_side(result):
                console.print(table, soft_wrap=False)
        elif result.error not in said or not result.error:
            for line in failure(result):
                _say(console, line)
        said.add(result.error)  # what keeps all cases of a job from running is said once

    try:
        results = runner.run(names, report)
    except (UnknownJob, ScriptError) as error:
        _say(console, str(error))
        return 2 if isinstance(error, UnknownJob) else 1
    failed = sum(not result.passed for result in results)
    _say(console, f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _saves(sql_dir: Path, tests_dir: Path) -> Iterator[list[Path]]:
    from watchfiles import watch

    for changes in watch(sql_dir, tests_dir):
        yield [Path(path) for _, path in changes]


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
