"""`footfall validate`: everything in sql/ that can be known to be wrong before any cluster is touched.

Flink's own parser and planner read the files, with the tables of Kafka and Postgres shadowed by files as in a test:
no cluster, no connection. One broken file hides no fault of another; what needs a broken one is not planned.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.database.migrated_tables import read_migrations
from footfall.database.object_files import migration_faults, object_faults, read_objects
from footfall.planner.jvm import quick_jvm
from footfall.planner.statements import columns, written
from footfall.project.catalog import SQL, AnyValue
from footfall.settings import CONFIG, ROOT
from footfall.testing.cases import read_cases
from footfall.testing.compare import expectation_faults
from footfall.testing.runner import TESTS, check_jobs
from footfall.validate.functions import function_faults, module_faults
from footfall.validate.syntax import clock_faults
from jobs.sql_script import Fault, ScriptError, Statement, read_script, substitute
from jobs.sql_suite import job_names, load_order, read_job, read_jobs, read_suite
from jobs.statement_sets import jobs_of, read_set, set_faults, set_names

if TYPE_CHECKING:
    from footfall.validate.job import Planner

UDFS = ROOT / "udfs"


def validate(
    names: Sequence[str] = (),
    *,
    sql_dir: Path = SQL,
    tests_dir: Path = TESTS,
    udfs_dir: Path = UDFS,
    config: Path = CONFIG,
) -> list[Fault]:
    """The faults of the named jobs, of all if none is named, and of what all jobs share; in the order of their files.

    Raises UnknownJob.
    """
    known = check_jobs(names, sql_dir)
    sql_dir, tests_dir, udfs_dir = (_shown(folder) for folder in (sql_dir, tests_dir, udfs_dir))
    faults = [] if known else [Fault(str(sql_dir / "jobs"), 0, "has no jobs: write NAME.sql with one INSERT")]
    made = None
    quick_jvm()
    with ThreadPoolExecutor(1) as beside:  # Flink starts while the files are read
        beside.submit(_start_flink)
        suite, broken, found = _read_shared(sql_dir, udfs_dir)
        faults += found
        try:
            faults += object_faults(read_objects(sql_dir / "postgres"))
            faults += migration_faults(sql_dir / "postgres" / "migrations")
            made = read_migrations(sql_dir / "postgres" / "migrations")
        except ScriptError as error:
            faults += error.faults
        from footfall.validate.job import Planner

    with tempfile.TemporaryDirectory(prefix="footfall-validate-") as scratch:
        planner = Planner(suite, config, Path(scratch), broken)
        faults += planner.faults
        if made is not None:
            faults += planner.postgres_faults(made)
        for name in dict.fromkeys(names or known):
            faults += _job_faults(name, planner, sql_dir, tests_dir, suite)
    faults += _set_faults(sql_dir)
    return sorted(set(faults))


def _start_flink() -> None:
    """Start the JVM. Where that fails, whoever needs it tries again, and says why."""
    from pyflink.java_gateway import get_gateway

    get_gateway()


def _read_shared(sql_dir: Path, udfs_dir: Path) -> tuple[list[Statement], set[str], list[Fault]]:
    """Tables, views and functions, the names of those that are broken, and the faults that reading them shows."""
    suite, faults = _read_suite(sql_dir)
    broken = {Path(fault.path).stem for fault in faults}
    functions = [statement for statement in suite if statement.kind == "CREATE FUNCTION"]
    modules = module_faults(udfs_dir)
    faults += modules
    if modules:
        broken |= {function.name or "" for function in functions}
    else:
        for function, fault in function_faults(functions, udfs_dir):
            faults.append(fault)
            broken.add(function.name or "")
    for statement in suite:
        faults += clock_faults(statement, keep_first=statement.kind == "CREATE VIEW")
    return suite, broken, faults


def _job_faults(name: str, planner: Planner, sql_dir: Path, tests_dir: Path, suite: Iterable[Statement]) -> list[Fault]:
    path = sql_dir / "jobs" / f"{name}.sql"
    faults: list[Fault] = []
    statements: list[Statement] = []
    try:
        statements = read_job(sql_dir, name)
    except ScriptError as error:
        faults += error.faults
        with suppress(ScriptError):  # its faults are among those of read_job
            statements = read_script(path)
    # What was refused already is not looked at again
    lines = {fault.line for fault in faults}
    sound = [
        statement
        for statement in statements
        if not lines & set(range(statement.line, statement.line_at(len(statement.text)) + 1))
    ]
    faults += planner.job_faults(sound)
    tables = {table.name or "": columns(table) for table in suite if table.kind == "CREATE TABLE"}
    test = tests_dir / f"{name}.yml"
    if not test.exists():
        return [*faults, Fault(str(test), 0, f"is missing: write a case that shows what {name} does")]
    try:
        cases = read_cases(test)
        sinks = written(statements)
        if sinks and tables.keys() >= set(sinks):  # else the job itself is wrong
            faults += [fault for case in cases for fault in expectation_faults(case, tables, sinks)]
    except ScriptError as error:
        faults += error.faults
    return faults


def _set_faults(sql_dir: Path) -> list[Fault]:
    """What is wrong with the statement sets themselves; one with a job that can't be read is not put together."""
    faults: list[Fault] = []
    for name in set_names(sql_dir):
        faults += (wrong := set_faults(sql_dir, name, job_names(sql_dir)))
        jobs: dict[str, list[Statement]] = {}
        with suppress(ScriptError):
            jobs = {} if wrong else read_jobs(sql_dir, jobs_of(sql_dir, name))
        try:
            if jobs:
                read_set(sql_dir, name, jobs)
        except ScriptError as error:
            faults += error.faults
    return faults


def _read_suite(sql_dir: Path) -> tuple[list[Statement], list[Fault]]:
    """What read_suite finds, without the files that are wrong, and their faults."""
    try:
        return read_suite(sql_dir, AnyValue()), []
    except ScriptError as error:
        faults = list(error.faults)
    scripts: dict[str, list[Statement]] = {}
    functions: list[Statement] = []
    wrong = {fault.path for fault in faults}
    for path in (sql_dir / "functions.sql", *(sql_dir / "tables").glob("*.sql"), *(sql_dir / "views").glob("*.sql")):
        if str(path) not in wrong and path.exists():
            found = substitute(read_script(path), AnyValue())
            if path.parent == sql_dir:
                functions = found
            else:
                scripts[path.stem] = found
    while True:
        try:
            order = load_order(scripts)
        except ScriptError as error:  # a circle: without one of them there is none
            faults += [fault for fault in error.faults if fault not in faults]
            scripts = {name: script for name, script in scripts.items() if script[0].path != error.faults[0].path}
        else:
            return functions + [statement for name in order for statement in scripts[name]], faults


def _shown(folder: Path) -> Path:
    """The folder as a person names it: relative to where the command is called, where it is below that."""
    return folder.relative_to(Path.cwd()) if folder.is_absolute() and folder.is_relative_to(Path.cwd()) else folder
