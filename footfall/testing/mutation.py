"""`footfall test --coverage`: columns that no case expects, and branches of the SQL that no case notices.

A branch is a WHEN, an ELSE or the condition of a WHERE, FILTER or HAVING, in a job or in a view that it reads. It is
put out of action and the cases run again: where none fails, none has noticed that the branch is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from footfall.planner.statements import columns, written
from footfall.project.catalog import AnyValue, UnknownJob, below, reads_and_writes, sources
from footfall.testing.cases import Case
from footfall.testing.compare import own_table
from footfall.testing.runner import Result, Runner, decide
from jobs.sql_script import Fault, ScriptError, Statement, Token, significant
from jobs.sql_suite import read_job

ENDS = {
    "GROUP",
    "HAVING",
    "WINDOW",
    "QUALIFY",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "ON",
}
LONGEST = 60


@dataclass(frozen=True)
class Branch:
    """One branch: the statement and line that it is in, its text, and the statement without it."""

    statement: Statement
    line: int
    text: str
    without: Statement

    @property
    def fault(self) -> Fault:
        return Fault(self.statement.path, self.line, f"no case notices {self.text}")


@dataclass
class Coverage:
    """What the cases notice and what not; skipped are branches without which Flink does not plan the job."""

    failed: list[Result] = field(default_factory=list)
    branches: int = 0
    unnoticed: list[Branch] = field(default_factory=list)
    skipped: int = 0
    columns: int = 0
    unexpected: list[Fault] = field(default_factory=list)


def coverage(runner: Runner, names: Sequence[str], progress: Callable[[str], None] = lambda _: None) -> Coverage:
    """Measure it. What failed before any branch was touched is in failed, and then nothing else is measured.

    Raises UnknownJob and ScriptError as Runner.run does.
    """
    progress("the cases as they are")
    cases, suite = runner.read(names)
    jobs = {name: read_job(runner.sql_dir, name) for name in cases}
    found = Coverage()
    for name, job in jobs.items():
        found.failed += [result for result in runner.results(cases[name], suite, job) if not result.passed]
    if found.failed:
        return found
    all_columns = list(_columns(cases, suite, jobs, runner.sql_dir))
    found.columns = len(all_columns)
    found.unexpected = [fault for fault, expected in all_columns if not expected]
    users = _users(jobs, runner.sql_dir)
    views = [statement for statement in suite if statement.kind == "CREATE VIEW" and users[statement.name or ""]]
    all_branches = [branch for statement in views for branch in branches(statement)]
    all_branches += [branch for job in jobs.values() for statement in job for branch in branches(statement)]
    for number, branch in enumerate(all_branches, 1):
        progress(f"{number} of {len(all_branches)} branches: {_shown(branch.statement.path)}:{branch.line}")
        readers = users.get(branch.statement.name or "") or [
            name for name, job in jobs.items() if branch.statement in job
        ]
        noticed = _noticed(runner, branch, suite, {name: jobs[name] for name in readers}, cases)
        if noticed is None:
            found.skipped += 1
        else:
            found.branches += 1
            found.unnoticed += [] if noticed else [branch]
    return found


def branches(statement: Statement) -> Iterator[Branch]:
    """The branches that a statement is written with, in their order."""
    found = significant(statement.text)
    # Of each open CASE: whether it compares a value, CASE x WHEN 1, instead of asking conditions; and its depth
    cases: list[tuple[bool, int]] = []
    depth = 0
    for place, token in enumerate(found):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.word == "CASE":
            cases.append((found[place + 1].word != "WHEN", depth))
        elif token.word == "END" and cases:
            cases.pop()
        elif token.word == "WHEN" and cases:
            end = _end(found, place, {"THEN"})
            arm = _end(found, end, {"WHEN", "ELSE", "END"})
            begin, stop = token.end, found[end].start
            condition = statement.text[begin:stop].strip()
            never = f" NULLIF({condition}, {condition}) " if cases[-1][0] else f" ({condition}) AND FALSE "
            yield _branch(statement, token, found[arm - 1], begin, stop, never)
        elif token.word == "ELSE" and cases:
            end = _end(found, place, {"END"})
            begin, stop = token.end, found[end].start
            never = f" CASE WHEN FALSE THEN {statement.text[begin:stop].strip()} END "
            yield _branch(statement, token, found[end - 1], begin, stop, never)
        elif token.word in ("WHERE", "HAVING"):
            end = _end(found, place, ENDS)
            stop = found[end].start if end < len(found) else len(statement.text)
            yield _branch(statement, token, found[end - 1], token.end, stop, " TRUE ")


def _end(found: Sequence[Token], place: int, words: set[str]) -> int:
    """Where the piece that begins behind this place ends: at one of the words, a closing bracket or `;`."""
    depth = cases = 0
    for number in range(place + 1, len(found)):
        token = found[number]
        if depth == 0 and cases == 0 and (token.word in words or token.text in (")", ";", "]")):
            return number
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        cases += {"CASE": 1, "END": -1 if cases else 0}.get(token.word, 0)
    return len(found)


def _branch(statement: Statement, first: Token, last: Token, begin: int, stop: int, instead: str) -> Branch:
    text = " ".join(statement.text[first.start : last.end].split())
    without = replace(statement, text=statement.text[:begin] + instead + statement.text[stop:])
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return Branch(statement, statement.line_at(first.start), shown, without)


def _noticed(
    runner: Runner,
    branch: Branch,
    suite: Sequence[Statement],
    jobs: Mapping[str, Sequence[Statement]],
    cases: Mapping[str, Sequence[Case]],
) -> bool | None:
    """Whether a case fails without the branch; None where Flink plans no job without it."""

    def changed(statements: Sequence[Statement]) -> list[Statement]:
        return [branch.without if statement is branch.statement else statement for statement in statements]

    planned = False
    for name, job in jobs.items():
        try:
            harness = runner.harness(changed(suite), changed(job))
        except ScriptError:
            continue
        planned = True
        if any(not decide(harness, case).passed for case in cases[name]):
            return True
    return False if planned else None


def _users(jobs: Mapping[str, Sequence[Statement]], sql_dir: Path) -> dict[str, list[str]]:
    """Which jobs read each table or view, directly or not."""
    made_of = sources(AnyValue(), sql_dir)
    users: dict[str, list[str]] = {name: [] for name in made_of}
    for job in jobs:
        reads, _ = reads_and_writes(job, sql_dir)
        for name in {*reads, *below(made_of, reads)}:
            users[name].append(job)
    return users


def _columns(
    cases: Mapping[str, Sequence[Case]],
    suite: Sequence[Statement],
    jobs: Mapping[str, Sequence[Statement]],
    sql_dir: Path,
) -> Iterator[tuple[Fault, bool]]:
    """Each column of what the jobs write, as a fault to be reported, and whether a case expects it."""
    tables = {statement.name or "": statement for statement in suite if statement.kind == "CREATE TABLE"}
    for job, statements in jobs.items():
        sinks = [name for name in written(statements) if name in tables]
        for table in sinks:
            expected = {
                column
                for case in cases[job]
                for name, rows in case.expect.items()
                if (name or own_table(job, sinks)) == table
                for row in rows
                for column in row
            }
            for column in columns(tables[table]):
                fault = Fault(tables[table].path, 0, f"no case of {job} expects {column}")
                yield fault, column in expected


def print_coverage(names: Sequence[str], out: Console, err: Console) -> int:
    """Measure and print what no case notices; the exit code: 0, 1 where a case fails or a file is wrong, 2 no job."""
    try:
        with Runner() as runner, err.status("starting Flink") as spinner:
            found = coverage(runner, names, spinner.update)
    except (UnknownJob, ScriptError) as error:
        err.print(f"footfall: {error}", markup=False)
        return 2 if isinstance(error, UnknownJob) else 1
    for result in found.failed:
        err.print(f"FAILED  {result.case.job}: {result.case.name}", markup=False)
    if found.failed:
        err.print("coverage is measured where all cases pass: footfall test says why these do not")
        return 1
    for fault in (*found.unexpected, *(branch.fault for branch in found.unnoticed)):
        out.print(str(fault._replace(path=_shown(fault.path))), markup=False)
    noticed, expected = found.branches - len(found.unnoticed), found.columns - len(found.unexpected)
    skipped = f"; {found.skipped} more could not be tried" if found.skipped else ""
    out.print(f"{noticed} of {found.branches} branches, {expected} of {found.columns} columns{skipped}")
    return 0


def _shown(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
