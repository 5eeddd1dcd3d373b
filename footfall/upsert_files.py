"""What Flink has no connector for: files that take upserts, as Postgres does.

An INSERT … ON CONFLICT plans only into a sink that takes upserts, and files with debezium-json ask for retractions
instead. These three objects, which Flink's planner calls through Py4J, hand it the file sink with the changelog of the
JDBC sink; the job that runs holds none of them.
"""

from __future__ import annotations

from typing import Any

from pyflink.java_gateway import get_gateway


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


class UpsertFiles(_JavaObject):
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
