"""Runs a job file as it is on a Flink mini cluster, its Kafka and Postgres tables shadowed by files.

The tables and views of sql/ are created as in production; temporary tables of the same name then come before those of
Kafka and Postgres. A shadow of Kafka keeps the computed columns and the watermark, which are what is tested; the
columns that the broker fills are plain ones. A shadow of Postgres keeps a changelog. Needs no connector, no cluster.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from py4j.protocol import Py4JJavaError
from pyflink.common import Configuration
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment, TableResult
from pyflink.table.catalog import ObjectPath
from pyflink.util.exceptions import JavaException

from footfall.sql_cases import KAFKA_FIELDS, Record
from footfall.sql_compare import written
from jobs.run_sql import explain
from jobs.sql_script import Fault, ScriptError, Statement
from jobs.sql_suite import read_job

# Late rows are late, and rows come in their order, only with one reader and a watermark after each row.
FORCED = {
    "execution.target": "local",
    "execution.runtime-mode": "STREAMING",
    "parallelism.default": "1",
    "pipeline.auto-watermark-interval": "0 ms",
    "pipeline.max-parallelism": "1",
    "python.fn-execution.bundle.size": "1",
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


class Harness:
    """One job in an environment of its own, which runs its cases one after the other or several at once."""

    def __init__(self, sql_dir: Path, job: str, suite: Iterable[Statement], config: Path, folder: Path) -> None:
        """Create the suite and read the job. Raises ScriptError with what Flink refuses."""
        self.folder = folder
        self.statements = read_job(sql_dir, job)
        own = dict(statement.set_option for statement in self.statements if statement.set_option)
        self.environment = _environment({**production_options(config), **own, **FORCED, "pipeline.name": job})
        suite = list(suite)
        tables = [statement for statement in suite if statement.kind == "CREATE TABLE"]
        for statement in tables:
            self._execute(statement)
        self.tables = {table.name: table for table in map(self._table, tables)}
        # Flink looks for a table's connector when a view names it: the shadows come first
        self._shadow(folder / "nothing")
        for statement in suite:
            if statement not in tables:
                self._execute(statement)
        self.sinks = [name for name in written(self.statements) if name in self.tables]

    def submit(self, number: int, given: Sequence[Record]) -> Callable[[], dict[str, list[str]]]:
        """Start the job on a log; the function that comes back waits for its end and gives each sink's changelog.

        A changelog is lines of Debezium JSON. Raises ScriptError for what Flink refuses, as the function does for a
        job that failed.
        """
        folder = self.folder / str(number)
        folder.mkdir()
        (folder / "events").write_text("".join(f"{line}\n" for record in given for line in record.as_events()))
        (folder / "bytes").write_text("".join(f"{record.as_bytes()}\n" for record in given))
        self._shadow(folder)
        result: TableResult | None = None
        for statement in self.statements:
            if statement.kind == "CREATE VIEW":
                self.environment.execute_sql(f"DROP TEMPORARY VIEW IF EXISTS `{statement.name}`")
            if statement.kind != "SET":
                result = self._execute(statement)

        def wait() -> dict[str, list[str]]:
            assert result is not None  # read_job lets no job be without an INSERT
            try:
                result.wait()
            except (Py4JJavaError, JavaException) as error:
                place = self.statements[-1]
                raise ScriptError([Fault(place.path, place.line, f"the job failed: {explain(error)[0]}")]) from error
            changelogs = {sink: _lines(folder / sink) for sink in self.sinks}
            shutil.rmtree(folder)
            return changelogs

        return wait

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

    def _shadow(self, folder: Path) -> None:
        for table in self.tables.values():
            options = _shadow_options(table, folder)
            if options:
                columns = ", ".join(f"`{name}` {table.columns[name]}" for name in table.metadata)
                self.environment.execute_sql(f"DROP TEMPORARY TABLE IF EXISTS `{table.name}`")
                self.environment.execute_sql(
                    f"CREATE TEMPORARY TABLE `{table.name}` {f'({columns})' if columns else ''} "
                    f"WITH ({', '.join(f'{_quoted(key)} = {_quoted(value)}' for key, value in options.items())}) "
                    f"LIKE `{table.name}` (EXCLUDING OPTIONS EXCLUDING METADATA)"
                )

    def _execute(self, statement: Statement) -> TableResult:
        try:
            return self.environment.execute_sql(statement.text)
        except (Py4JJavaError, JavaException) as error:
            message, line = explain(error)
            raise ScriptError([Fault(statement.path, statement.line + max(line, 1) - 1, message)]) from error


def production_options(config: Path) -> dict[str, str]:
    """The options of Flink SQL that the cluster's config.yaml sets: a test plans as the cluster does."""
    found = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    return {key: str(value) for key, value in found.items() if key.startswith("table.")}


def _shadow_options(table: Table, folder: Path) -> dict[str, str]:
    if table.connector == "kafka":
        own = {key: value for key, value in table.options.items() if key.startswith("json.")}
        file = "bytes" if table.options["format"] == "raw" else "events"
        json = {"format": "json", "json.timestamp-format.standard": "ISO-8601"}
        return {"connector": "filesystem", "path": str(folder / file), **json, **own}
    if table.connector == "jdbc":
        return {
            "connector": "filesystem",
            "path": str(folder / table.name),
            "format": "debezium-json",
            "debezium-json.timestamp-format.standard": "SQL",
            "debezium-json.encode.decimal-as-plain-number": "true",
        }
    return {}


def _lines(folder: Path) -> list[str]:
    """The lines of a sink's files in the order in which they were written; those still hidden are none of them."""
    files = [path for path in folder.glob("part-*") if path.is_file()]
    files.sort(key=lambda path: int(path.name.rpartition("-")[2]))
    return [line for path in files for line in path.read_text(encoding="utf-8").splitlines() if line]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _environment(options: Mapping[str, str]) -> TableEnvironment:
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
    environment = TableEnvironment.create(settings)
    environment._j_tenv.loadModule("upsert_files", _UpsertFiles())
    return environment


# Below: what Flink has no connector for. An INSERT … ON CONFLICT plans only into a sink that takes upserts, as
# Postgres does, and files with debezium-json ask for retractions instead. These three objects, which Flink's planner
# calls through Py4J, hand it the file sink with the changelog of the JDBC sink; the job that runs holds none of them.


class _JavaObject:
    def hashCode(self) -> int:
        return id(self) % 2**31

    def equals(self, other: object) -> bool:
        return self is other

    def toString(self) -> str:
        return type(self).__name__


class _UpsertSink(_JavaObject):
    def __init__(self, files: Any) -> None:
        self.files = files

    def getChangelogMode(self, _requested: Any) -> Any:
        jvm = get_gateway().jvm.org.apache.flink
        builder = jvm.table.connector.ChangelogMode.newBuilder()
        for kind in ("INSERT", "UPDATE_AFTER", "DELETE"):
            builder.addContainedKind(getattr(jvm.types.RowKind, kind))
        return builder.build()

    def getSinkRuntimeProvider(self, context: Any) -> Any:
        return self.files.getSinkRuntimeProvider(context)

    def copy(self) -> _UpsertSink:
        return _UpsertSink(self.files.copy())

    def asSummaryString(self) -> str:
        return "files of upserts"

    class Java:
        implements = ("org.apache.flink.table.connector.sink.DynamicTableSink",)


class _UpsertSinkFactory(_JavaObject):
    def __init__(self) -> None:
        self.files = get_gateway().jvm.org.apache.flink.connector.file.table.FileSystemTableFactory()

    def createDynamicTableSink(self, context: Any) -> _UpsertSink:
        return _UpsertSink(self.files.createDynamicTableSink(context))

    def factoryIdentifier(self) -> Any:
        return self.files.factoryIdentifier()

    def requiredOptions(self) -> Any:
        return self.files.requiredOptions()

    def optionalOptions(self) -> Any:
        return self.files.optionalOptions()

    def forwardOptions(self) -> Any:
        return self.files.forwardOptions()

    class Java:
        implements = ("org.apache.flink.table.factories.DynamicTableSinkFactory",)


class _UpsertFiles(_JavaObject):
    """A Flink module, which may bring a factory of sinks; it brings nothing else."""

    def getTableSinkFactory(self) -> Any:
        return get_gateway().jvm.java.util.Optional.of(_UpsertSinkFactory())

    def listFunctions(self, *_all: Any) -> Any:
        return get_gateway().jvm.java.util.HashSet()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("get"):
            return lambda *_: get_gateway().jvm.java.util.Optional.empty()
        raise AttributeError(name)

    class Java:
        implements = ("org.apache.flink.table.module.Module",)
