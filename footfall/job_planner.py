"""Plans the versions of a job as the cluster would, and tries on a cluster inside this process whether state restores.

The topic is the real one and the tables are files in a folder that is thrown away: nothing is written.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import get_field_value

from footfall.cluster import root_cause
from footfall.errors import FootfallError
from footfall.job_plan import JobPlan, compile_job
from footfall.job_versions import Version
from footfall.settings import CONFIG, Settings
from footfall.sql_harness import FORCED, Suite, faults_of, job_options, mini_cluster
from footfall.stack import flink
from footfall.stack.java import quick_jvm
from jobs.run_sql import modify_operations, number_operators_from_one
from jobs.sql_script import Statement
from jobs.sql_suite import read_job, read_suite

RESTORE_SECONDS = 60
# Of config.yaml, what is about processes, and checkpoints, of which a trial takes none
OTHER_OPTIONS = ("env.", "rest.", "web.", "execution.checkpointing.", "taskmanager.", "jobmanager.")


class Planner:
    """One JVM for all that a command asks; use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Lay out Flink where that was not done. Must come before anything else that starts PyFlink's JVM."""
        if not (settings.flink_home / "lib").exists():
            flink.distribution(settings)
        # PyFlink takes its classes from here: with the connector of Kafka, which the wheel does not have.
        os.environ["FLINK_HOME"] = str(settings.flink_home)
        quick_jvm()
        with _output_into(settings.logs / "planner.log"):
            get_gateway()
        self.settings = settings
        self.config = {key: str(value) for key, value in yaml.safe_load(CONFIG.read_text()).items()}

    def __enter__(self) -> Planner:
        self._folder = tempfile.TemporaryDirectory(prefix="footfall-plan-")
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def plan(self, version: Version) -> JobPlan:
        """The JobPlan of a version. Raises ScriptError with what is wrong with its SQL."""
        suite, insert = self._suite(version)
        return compile_job(suite, insert)

    def refusal(self, version: Version, savepoint: str) -> str:
        """Why Flink does not start this version from that savepoint or checkpoint; '' where it does.

        Raises ScriptError for wrong SQL and FootfallError where the savepoint can't be read from here.
        """
        path = Path(savepoint.removeprefix("file:"))
        if savepoint.startswith(("file:", "/")) and not path.exists():
            raise FootfallError(f"{savepoint} can't be read from here, so whether it restores can't be tried")
        suite, insert = self._suite(version)
        job = _job_graph(suite, insert, version.job, savepoint)
        with mini_cluster({"taskmanager.memory.managed.size": "128m"}) as cluster:  # what RocksDB works in
            return _try(cluster, job)

    def _suite(self, version: Version) -> tuple[Suite, Statement]:
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        sql = version.write(folder / "sql")
        values = {**os.environ, **self.settings.values, "POSTGRES_WRITER_PASSWORD": "unused"}
        statements = read_job(sql, version.job)
        options = {key: value for key, value in self.config.items() if not key.startswith(OTHER_OPTIONS)}
        own = {key: FORCED[key] for key in ("execution.target", "execution.runtime-mode", "restart-strategy.type")}
        own |= {key: FORCED[key] for key in ("python.executable", "python.client.executable", "python.pythonpath")}
        options |= job_options(statements)
        suite = Suite(read_suite(sql, values), options, folder / "rows", shadowed=("jdbc",), forced=own)
        for statement in statements:
            if statement.kind.startswith("CREATE"):
                suite.execute(statement)
        return suite, statements[-1]


@contextmanager
def _output_into(log: Path) -> Iterator[None]:
    """Let a process that is started here write into a file: Flink prints its own code where a trial is cut short."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = [os.dup(1), os.dup(2)]
    with log.open("ab") as file:
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield
        finally:
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


def _job_graph(suite: Suite, insert: Statement, name: str, savepoint: str) -> Any:
    environment = suite.environment._j_tenv
    with faults_of(insert):
        number_operators_from_one(suite.environment)
        operators = environment.getPlanner().translate(modify_operations(suite.environment, insert))
        executor = get_field_value(environment, "execEnv")
        pipeline = executor.createPipeline(operators, environment.getConfig().getConfiguration(), name)
    job = pipeline.getJobGraph()
    settings = get_gateway().jvm.org.apache.flink.runtime.jobgraph.SavepointRestoreSettings
    job.setSavepointRestoreSettings(settings.forPath(savepoint, False))
    return job


def _try(cluster: Any, job: Any) -> str:
    """Start the job, wait until every task has its state, and cancel it; returns what Flink has against it."""
    id_ = cluster.submitJob(job).get().getJobID()
    deadline = time.monotonic() + RESTORE_SECONDS
    while time.monotonic() < deadline:
        graph = cluster.getArchivedExecutionGraph(id_).get()
        state = str(graph.getState())
        if state == "FAILED":
            return root_cause(str(graph.getFailureInfo().getExceptionAsString()))
        tasks = []
        vertices = graph.getAllExecutionVertices().iterator()
        while vertices.hasNext():
            tasks.append(str(vertices.next().getExecutionState()))
        if state == "RUNNING" and tasks and all(task in ("RUNNING", "FINISHED") for task in tasks):
            cluster.cancelJob(id_).get()
            return ""
        time.sleep(0.1)
    raise FootfallError(f"Flink did not say within {RESTORE_SECONDS} s whether it can go on from its state")
