"""Runs a job file as it is on a Flink mini cluster, its Kafka and Postgres tables shadowed by files.

The tables and views of sql/ are created as in production; temporary tables of the same name then come before those of
Kafka and Postgres. A shadow of Kafka keeps the computed columns and the watermark, which are what is tested; the
columns that the broker fills are plain ones. A shadow of Postgres keeps a changelog. Needs no connector, no cluster.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from py4j.protocol import Py4JJavaError
from pyflink.common import Configuration
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment
from pyflink.table.catalog import ObjectPath
from pyflink.util.exceptions import JavaException
from pyflink.util.java_utils import get_field_value

from footfall.planner.records import KAFKA_FIELDS, Record
from footfall.planner.statements import written
from jobs.run_sql import explain, modify_operations
from jobs.sql_script import Fault, ScriptError, Statement

# Files in the place of the topic; no table has such a name
EVENTS, BYTES = "log.events", "log.bytes"
# Late rows are late, and rows come in their order, only with one reader and a watermark after each row.
FORCED = {
    "execution.target": "local",
    "execution.runtime-mode": "STREAMING",
    "parallelism.default": "1",
    "pipeline.auto-watermark-interval": "0 ms",
    "pipeline.max-parallelism": "1",
    "python.fn-execution.bundle.size": "1",
    "python.execution-mode": "thread",
    "python.pythonpath": sysconfig.get_path("purelib"),  # where thread mode finds pemja
    "python.executable": sys.executable,
    "python.client.executable": sys.executable,
    "restart-strategy.type": "disable",
    "table.exec.resource.default-parallelism": "1",
    "table.local-time-zone": "UTC",
}


@dataclass(frozen=True)
class Table:
    """A table of sql/tables as Flink understands it: types by column, the columns of its key, its options."""

    name: str
    columns: Mapping[str, str]
    key: Sequence[str]
    options: Mapping[str, str]
    metadata: Sequence[str]

    @property
    def connector(self) -> str:
        return self.options.get("connector", "")


# What Flink understood of the same statements before: it is asked in a thousand calls between two processes.
_KNOWN: dict[tuple[str, ...], Mapping[str, Table]] = {}


class Suite:
    """The tables, shadowed by files in folder, and the views of sql/ in a Flink planner: all that a job may name."""

    def __init__(
        self,
        suite: Sequence[Statement],
        options: Mapping[str, str],
        folder: Path,
        shadowed: Collection[str] = ("kafka", "postgres"),
        forced: Mapping[str, str] = FORCED,
    ) -> None:
        """suite is what read_suite found; options are Flink's; shadowed are the connectors that files stand for.

        Raises ScriptError with what Flink refuses.
        """
        self.folder = folder
        self.environment = _environment({**options, **forced})
        tables = [statement for statement in suite if statement.kind == "CREATE TABLE"]
        functions = [statement for statement in suite if statement.kind == "CREATE FUNCTION"]
        for statement in (*functions, *tables):  # a computed column may call a function
            self.execute(statement)
        declared = tuple(statement.text for statement in (*functions, *tables))
        if declared not in _KNOWN:
            _KNOWN[declared] = {table.name: table for table in map(self._table, tables)}
        self.tables = _KNOWN[declared]
        # Flink looks for a table's connector when a view names it: the shadows come first
        for table in self.tables.values():
            if table.connector in shadowed:
                self._shadow(table)
        for statement in suite:
            if statement.kind == "CREATE VIEW":
                self.execute(statement)

    def execute(self, statement: Statement) -> None:
        """Run a CREATE. Raises ScriptError with what Flink refuses."""
        with faults_of(statement):
            self._execute(statement.text)

    def _execute(self, text: str) -> None:
        # execute_sql would ask Java for the jars of Python functions, in forty calls, before each statement.
        self.environment._j_tenv.executeSql(text)

    def _table(self, statement: Statement) -> Table:
        catalog = self.environment.get_catalog(self.environment.get_current_catalog())
        path = ObjectPath(self.environment.get_current_database(), statement.name)
        table = catalog._j_catalog.getTable(path._j_object_path)
        schema = table.getResolvedSchema()
        columns = {column.getName(): str(column.getDataType()) for column in schema.getColumns()}
        metadata = [column.getName() for column in schema.getColumns() if "Metadata" in column.getClass().getName()]
        key = list(schema.getPrimaryKey().get().getColumns()) if schema.getPrimaryKey().isPresent() else []
        found = Table(statement.name or "", columns, key, dict(table.getOptions()), metadata)
        if found.connector == "kafka" and (unknown := set(metadata) - KAFKA_FIELDS.keys()):
            known = ", ".join(KAFKA_FIELDS)
            message = f"found metadata in {', '.join(sorted(unknown))}: tests know of {known}"
            raise ScriptError([Fault(statement.path, statement.line, message)])
        return found

    def _shadow(self, table: Table) -> None:
        if options := _shadow_options(table, self.folder):
            columns = ", ".join(f"`{name}` {table.columns[name]}" for name in table.metadata)
            self._execute(
                f"CREATE TEMPORARY TABLE `{table.name}` {f'({columns})' if columns else ''} "
                f"WITH ({', '.join(f'{_quoted(key)} = {_quoted(value)}' for key, value in options.items())}) "
                f"LIKE `{table.name}` (EXCLUDING OPTIONS EXCLUDING METADATA)"
            )


class Harness:
    """One job, planned once by Flink and then run on one log after the other."""

    def __init__(
        self, suite: Suite, statements: Sequence[Statement], cluster: Any, sinks: Sequence[str] | None = None
    ) -> None:
        """Plan a job's statements, the last of which is its INSERT, in a suite that has its options.

        sinks are the tables that it fills, those of the suite if none is named.

        Raises ScriptError with what Flink refuses.
        """
        self.folder, self.environment, self.tables = suite.folder, suite.environment, suite.tables
        self.cluster = cluster
        for statement in statements:
            if statement.kind.startswith("CREATE"):
                suite.execute(statement)
        self.insert = statements[-1]
        self.sinks = sinks or [name for name in written(statements) if name in self.tables]
        self.operators = self._plan()

    def run(self, given: Iterable[Record]) -> dict[str, list[str]]:
        """The changelog of each table that the job writes, lines of Debezium JSON, after it has read a log.

        Raises ScriptError for a job that failed.
        """
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        with (self.folder / EVENTS).open("wb") as events, (self.folder / BYTES).open("w") as values:
            for record in given:
                events.writelines(line + b"\n" for line in record.as_events())
                values.write(f"{record.as_bytes()}\n")
        executor = get_field_value(self.environment._j_tenv, "execEnv")
        configuration = self.environment._j_tenv.getConfig().getConfiguration()
        try:
            pipeline = executor.createPipeline(self.operators, configuration, self.folder.name)
            self.cluster.executeJobBlocking(pipeline.getJobGraph())
        except (Py4JJavaError, JavaException) as error:
            message = f"the job failed: {explain(error)[0]}"
            raise ScriptError([Fault(self.insert.path, self.insert.line, message)]) from error
        return {sink: _lines(self.folder / sink) for sink in self.sinks}

    def _plan(self) -> Any:
        """The job as execute_sql would hand it to the cluster: planning takes far longer than running a case."""
        environment = self.environment._j_tenv
        with faults_of(self.insert):
            return environment.getPlanner().translate(modify_operations(self.environment, self.insert))


@contextmanager
def mini_cluster(options: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A Flink cluster inside the JVM of this process, for all cases: starting one takes longer than a case."""
    flink = get_gateway().jvm.org.apache.flink
    configuration = flink.configuration.Configuration()
    for key, value in (options or {}).items():
        configuration.setString(key, value)
    runtime = flink.runtime.minicluster
    builder = runtime.MiniClusterConfiguration.Builder().setConfiguration(configuration)
    cluster = runtime.MiniCluster(builder.withRandomPorts().build())
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.close()


def production_options(config: Path) -> dict[str, str]:
    """The options of Flink SQL that the cluster's config.yaml sets: a test plans as the cluster does."""
    found = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    return {key: str(value) for key, value in found.items() if key.startswith("table.")}


def job_options(statements: Iterable[Statement]) -> dict[str, str]:
    """The options that a job's own SET statements give."""
    return dict(statement.set_option for statement in statements if statement.set_option)


def _shadow_options(table: Table, folder: Path) -> dict[str, str]:
    if table.connector == "kafka":
        own = {key: value for key, value in table.options.items() if key.startswith("json.")}
        file = BYTES if table.options["format"] == "raw" else EVENTS
        json = {"format": "json", "json.timestamp-format.standard": "ISO-8601"}
        return {"connector": "filesystem", "path": str(folder / file), **json, **own}
    if table.connector == "postgres":
        return {
            "connector": "upsert-files",
            "path": str(folder / table.name),
            "format": "debezium-json",
            "debezium-json.timestamp-format.standard": "SQL",
            "debezium-json.encode.decimal-as-plain-number": "true",
        }
    return {}


@contextmanager
def faults_of(statement: Statement) -> Iterator[None]:
    """What Flink refuses, as a ScriptError with its place."""
    try:
        yield
    except (Py4JJavaError, JavaException) as error:
        message, line = explain(error)
        raise ScriptError([Fault(*statement.place(max(line, 1)), message)]) from error


def _lines(folder: Path) -> list[str]:
    """The lines of a sink's files in the order in which they were written; those still hidden are none of them."""
    files = [path for path in folder.glob("part-*") if path.is_file()]
    files.sort(key=lambda path: int(path.name.rpartition("-")[2]))
    return [line for path in files for line in path.read_text(encoding="utf-8").splitlines() if line]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _environment(options: Mapping[str, str]) -> TableEnvironment:
    # PyFlink would import Beam and pandas here, to serve Python processes; in thread mode there are none.
    os.environ.setdefault("_python_worker_execution_mode", "process")
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
    return TableEnvironment.create(settings)
