"""Plans jobs with Flink as far as it goes, and collects what is wrong with each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyflink.util.exceptions import JavaException

from footfall.database.migrated_tables import Table
from footfall.planner.harness import Suite, faults_of, job_options, production_options
from footfall.planner.job_plan import compile_job
from footfall.validate.messages import faults_in_words
from footfall.validate.plan import TTL, column_faults, plan_faults
from footfall.validate.sinks import postgres_faults
from footfall.validate.syntax import clock_faults, conflict_fault, inserts, mentioned, star_fault
from jobs.run_sql import explain, modify_operations
from jobs.sql_script import Fault, ScriptError, Statement

# A missing ON CONFLICT is ours to say: the planner would stop there
OPTIONS = {"table.exec.sink.require-on-conflict": "false"}


class Planner:
    """The tables, views and functions of sql/ that Flink takes; those that it refuses are in faults and broken."""

    def __init__(self, statements: Sequence[Statement], config: Path, folder: Path, broken: Collection[str]) -> None:
        """broken are names whose files were found wrong before: what needs one of them is left out and no fault."""
        self.options = {**production_options(config), **OPTIONS}
        self.folder = folder
        self.faults: list[Fault] = []
        self.broken = set(broken)
        self.functions = [statement for statement in statements if statement.kind == "CREATE FUNCTION"]
        self.tables = [statement for statement in statements if statement.kind == "CREATE TABLE"]
        self.suite = self._with_tables()
        views = [statement for statement in statements if statement.kind == "CREATE VIEW"]
        self.views = [statement for statement in views if self._creates(statement)]

    def postgres_faults(self, made: Mapping[str, Table]) -> Iterator[Fault]:
        """What is wrong with the tables of Postgres, made being what the migrations make."""
        for statement in self.tables:
            table = self.suite.tables[statement.name or ""]
            if table.connector == "postgres":
                if not table.key:
                    message = "found no key: write PRIMARY KEY (…) NOT ENFORCED, the columns that make a row one"
                    yield Fault(statement.path, statement.line, message)
                yield from postgres_faults(statement, table, made)

    def job_faults(self, statements: Sequence[Statement]) -> Iterator[Fault]:
        """What is wrong with a job's statements; they need not be all that a job must have."""
        for statement in statements:
            yield from clock_faults(statement)
        settings = job_options(statements)
        try:
            suite = self._with_options(settings) if settings else self.suite
        except (Py4JJavaError, JavaException) as error:
            yield _setting_fault(error, statements)
            return
        broken = set(self.broken)
        views = []
        try:
            for statement in statements:
                if statement.kind == "CREATE VIEW":
                    views.append(statement.name or "")
                    yield from self._view_faults(suite, statement, broken)
                elif statement.kind in ("INSERT", "EXECUTE STATEMENT SET"):
                    for insert in inserts(statement):
                        yield from _insert_faults(suite, insert, statements, settings.get(TTL), broken)
        finally:
            for view in views:
                suite.environment.drop_temporary_view(view)

    def _view_faults(self, suite: Suite, statement: Statement, broken: set[str]) -> Iterator[Fault]:
        if mentioned(statement) & broken:
            broken.add(statement.name or "")
            return
        try:
            suite.execute(statement)
            broken.discard(statement.name or "")
        except ScriptError as error:
            broken.add(statement.name or "")
            yield from faults_in_words(error, statement, suite)

    def _with_tables(self) -> Suite:
        while True:
            for statement in self.tables:  # each comes after the one that it is LIKE
                if mentioned(statement) & self.broken:
                    self.broken.add(statement.name or "")
            self.functions = [statement for statement in self.functions if statement.name not in self.broken]
            self.tables = [statement for statement in self.tables if statement.name not in self.broken]
            try:
                return Suite([*self.functions, *self.tables], self.options, self.folder)
            except ScriptError as error:
                [statement] = [made for made in (*self.functions, *self.tables) if _holds(made, error.faults[0])]
                self.faults += faults_in_words(error, statement, None)
                self.broken.add(statement.name or "")

    def _creates(self, statement: Statement) -> bool:
        before = len(self.faults)
        if statement.name in self.broken:
            return False
        self.faults += self._view_faults(self.suite, statement, self.broken)
        return len(self.faults) == before and statement.name not in self.broken

    def _with_options(self, settings: Mapping[str, str]) -> Suite:
        return Suite([*self.functions, *self.tables, *self.views], {**self.options, **settings}, self.folder)


def _holds(statement: Statement, fault: Fault) -> bool:
    lines = range(statement.line, statement.line_at(len(statement.text)) + 1)
    return statement.path == fault.path and fault.line in lines


def _insert_faults(
    suite: Suite, insert: Statement, statements: Sequence[Statement], ttl: str | None, broken: Collection[str]
) -> Iterator[Fault]:
    star = star_fault(insert)
    yield from (fault for fault in (star, conflict_fault(insert)) if fault)
    if mentioned(insert) & set(broken):
        return
    wrong = [] if star is None else [star]
    try:
        with faults_of(insert):
            operations = modify_operations(suite.environment, insert)
        if not star:
            wrong += column_faults(insert, operations[0])
            yield from wrong
        plan = compile_job(suite, insert, operations)
    except ScriptError as error:
        if "Could not parse value" in str(error) and error.__cause__:
            yield _setting_fault(error.__cause__, statements)
        # Types that don't fit are no news where the columns are already known not to
        elif not (wrong and "Column types of query result and sink" in str(error)):
            yield from faults_in_words(error, insert, suite)
        return
    yield from plan_faults(plan, insert, statements, ttl)


def _setting_fault(error: BaseException, statements: Sequence[Statement]) -> Fault:
    """What Flink has against a SET, at its place."""
    message = explain(error)[0] if isinstance(error, Exception) else str(error)
    sets = [statement for statement in statements if statement.set_option]
    match = re.search(r"Could not parse value '(.*?)' for key '(.*?)'", message)
    for statement in sets:
        key, value = statement.set_option or ("", "")
        if match and key == match[2]:
            return Fault(statement.path, statement.line, f"found {value} for {key}: write a value of its type")
    return Fault(sets[0].path, sets[0].line, message)
