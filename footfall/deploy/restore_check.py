"""Plans the versions of a job as the cluster would, and tries on a cluster inside this process whether state restores.

The topic is the real one and the tables are files in a folder that is thrown away: nothing is written.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import get_field_value

from footfall.deploy.cluster import root_cause
from footfall.deploy.versions import Version
from footfall.errors import FootfallError
from footfall.planner.harness import FORCED, Suite, faults_of, job_options, mini_cluster
from footfall.planner.job_plan import JobPlan, compile_job
from footfall.planner.jvm import quick_jvm
from footfall.settings import CONFIG, Settings
from jobs.run_sql import modify_operations, number_operators_from_one
from jobs.sql_script import Statement
from jobs.sql_suite import read_job, read_suite

RESTORE_SECONDS = 60
# Of config.yaml, what is about processes, and checkpoints, of which a trial takes none
OTHER_OPTIONS = ("env.", "rest.", "web.", "execution.checkpointing.", "taskmanager.", "jobmanager.")


class Planner:
    """One JVM for all that a command asks; use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Must come before anything else that starts PyFlink's JVM."""
        quick_jvm()
        with _output_into(settings.logs / "planner.log"):
            get_gateway()
        self.settings = settings
        self.config = {key: str(value) for key, value in yaml.safe_load(CONFIG.read_text()).items()}

    def __enter__(self) -> Planner:
        self._folder = tempfile.TemporaryDirectory(prefix="footfall-plan-")
        self._suites: dict[str, tuple[Suite, Statement]] = {}  # of versions by id
        self._plans: dict[str, JobPlan] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def plan(self, version: Version) -> JobPlan:
        """The JobPlan of a version. Raises ScriptError with what is wrong with its SQL."""
        if version.id not in self._plans:  # a second time the planner may give other names to what has none
            self._plans[version.id] = compile_job(*self._suite(version))
        return self._plans[version.id]

    def trial(self, version: Version) -> Callable[[str], str]:
        """Plan a version; what is returned says why Flink does not start it from a savepoint or checkpoint, or ''.

        It is planned before, since a running job removes its checkpoints meanwhile. Raises ScriptError for wrong SQL;
        what is returned raises FootfallError where the savepoint can't be read from here.
        """
        suite, insert = self._suite(version)
        pipeline = _pipeline(suite, insert, version.job)

        def refusal(savepoint: str) -> str:
            path = Path(savepoint.removeprefix("file:"))
            if savepoint.startswith(("file:", "/")) and not path.exists():
                raise FootfallError(f"{savepoint} can't be read from here, so whether it restores can't be tried")
            job = pipeline.getJobGraph()
            settings = get_gateway().jvm.org.apache.flink.runtime.jobgraph.SavepointRestoreSettings
            job.setSavepointRestoreSettings(settings.forPath(savepoint, False))
            with mini_cluster({"taskmanager.memory.managed.size": "128m"}) as cluster:  # what RocksDB works in
                return _try(cluster, job)

        return refusal

    def _suite(self, version: Version) -> tuple[Suite, Statement]:
        """What a version is made of, in a planner, and its INSERT; once for all that is asked of it."""
        if version.id not in self._suites:
            self._suites[version.id] = self._laid_out(version)
        return self._suites[version.id]

    def _laid_out(self, version: Version) -> tuple[Suite, Statement]:
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        sql = version.write(folder / "sql")
        values = {**os.environ, **self.settings.values, "POSTGRES_WRITER_PASSWORD": "unused"}
        statements = read_job(sql, version.job)
        options = {key: value for key, value in self.config.items() if not key.startswith(OTHER_OPTIONS)}
        own = {key: FORCED[key] for key in ("execution.target", "execution.runtime-mode", "restart-strategy.type")}
        own |= {key: FORCED[key] for key in ("python.executable", "python.client.executable", "python.pythonpath")}
        options |= job_options(statements)
        suite = Suite(read_suite(sql, values), options, folder / "rows", shadowed=("postgres",), forced=own)
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


def _pipeline(suite: Suite, insert: Statement, name: str) -> Any:
    environment = suite.environment._j_tenv
    with faults_of(insert):
        number_operators_from_one(suite.environment)
        operators = environment.getPlanner().translate(modify_operations(suite.environment, insert))
        executor = get_field_value(environment, "execEnv")
        return executor.createPipeline(operators, environment.getConfig().getConfiguration(), name)


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
