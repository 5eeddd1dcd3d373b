"""Submits jobs of sql/jobs to Flink, each as a Flink job of its own, named after its file.

The jobs of a file of sql/statement_sets become one Flink job, named after that file.

    flink run -d -py jobs/run_sql.py -- --env-file flink-conf/local.env sessions page_views_per_minute
    python jobs/run_sql.py --bounded --env-file flink-conf/local.env sessions

Run by plain python without a cluster in the configuration, the jobs run inside this process, which then waits for them.
Exit codes: 0 fine, 1 a mistake in the SQL or a failed job, 2 misused.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyflink.common import Configuration
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment, TableResult
from pyflink.table.catalog import ObjectPath
from pyflink.util.exceptions import JavaException

HOUSE = Path(__file__).resolve().parent.parent
if str(HOUSE) not in sys.path:  # `flink run -py` links this file alone into a folder of its own
    sys.path.insert(0, str(HOUSE))

from jobs.sql_script import Fault, ScriptError, Statement, read_env  # noqa: E402
from jobs.sql_suite import read_jobs, read_suite  # noqa: E402

SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|JAAS|KEY$")
JAVA_CAUSE = re.compile(
    r"^(?:Caused by: |: )?((?:[a-z_]\w*\.)+[\w$]+)(?:: (.*?))?(?=\n\tat |\n\t\.\.\. |\nCaused by: |\n*\Z)",
    re.MULTILINE | re.DOTALL,
)
PLANNING_ERRORS = ("org.apache.calcite.", "org.apache.flink.table.", "org.apache.flink.sql.")
UNREACHABLE = ("ConnectException", "UnknownHostException", "UnresolvedAddressException")


def main(arguments: Sequence[str]) -> int:
    """Submit what the command line names; returns the exit code."""
    options = _arguments(arguments)
    secrets: dict[str, str] = {}
    try:
        values: dict[str, str] = {}
        for env_file in options.env_file:
            values = read_env(env_file, os.environ, values)
        values |= os.environ
        secrets = {name: value for name, value in values.items() if SECRET.search(name.upper()) and len(value) > 3}
        suite = read_suite(options.sql, values)
        jobs = read_jobs(options.sql, options.jobs)
        running = {
            name: submit(name, suite, jobs[name], _options_of(name, options.set), options.bounded, options.plans)
            for name in jobs
        }
        if options.bounded or _in_this_process(_options_of("", options.set)):
            return 1 if [name for name, result in running.items() if not _finished(name, result, secrets)] else 0
    except ScriptError as error:
        faults = [fault._replace(message=_masked(fault.message, secrets)) for fault in error.faults]
        print(ScriptError(faults), file=sys.stderr, flush=True)
        return 1
    return 0


def submit(
    name: str,
    suite: Iterable[Statement],
    job: Iterable[Statement],
    overrides: Mapping[str, str],
    bounded: bool,
    plans: Path | None = None,
) -> TableResult:
    """Plan and submit one job in an environment of its own and print its id; with bounded, of what Kafka holds now.

    plans is a folder for the plan that Flink compiles of it, NAME.json.

    The configuration is Flink's own, then UTC and the job's name, then the SETs of its file, then the overrides.
    Raises ScriptError with the place and the root cause of what Flink refuses.
    """
    job = list(job)
    settings = dict(statement.set_option for statement in job if statement.set_option)
    options = {"pipeline.name": name, "table.local-time-zone": "UTC", **settings, **overrides}
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    settings_builder = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration)
    try:
        environment = TableEnvironment.create(settings_builder.build())
    except (Py4JJavaError, JavaException) as error:
        raise ScriptError([Fault(name, 0, explain(error)[0])]) from error
    for statement in suite:
        _execute(environment, statement)
        if bounded and statement.kind == "CREATE TABLE" and statement.name:
            _bound(environment, statement.name)
    # read_job lets nothing follow the INSERT
    *views, insert = (statement for statement in job if statement.kind != "SET")
    for statement in views:
        _execute(environment, statement)
    if plans:
        (plans / f"{name}.json").write_text(_compiled_plan(environment, insert), encoding="utf-8")
    number_operators_from_one(environment)
    result = _execute(environment, insert)
    client = result.get_job_client()
    print(f"{name} submitted as {client.get_job_id() if client else 'nothing'}", flush=True)
    return result


def modify_operations(environment: TableEnvironment, insert: Statement) -> Any:
    """What Flink's parser makes of an INSERT or statement set: a Java list of an operation for each INSERT."""
    operation = environment._j_tenv.getParser().parse(insert.text).get(0)
    is_set = operation.getClass().getSimpleName() == "StatementSetOperation"
    return operation.getOperations() if is_set else get_gateway().jvm.java.util.List.of(operation)


def number_operators_from_one(environment: TableEnvironment) -> None:
    """Let the next plan of this JVM have the operator ids that it would have alone.

    Flink counts operators on from job to job, and their ids are what a savepoint's state is found by: a job that was
    submitted second could else be restored only as a second one.
    """
    gateway = get_gateway()
    loader = environment._j_tenv.getPlanner().getClass().getClassLoader()
    context = loader.loadClass("org.apache.flink.table.planner.plan.nodes.exec.ExecNodeContext")
    reset = context.getMethod("resetIdCounter", gateway.new_array(gateway.jvm.Class, 0))
    reset.invoke(None, gateway.new_array(gateway.jvm.Object, 0))


def explain(error: Exception) -> tuple[str, int]:
    """(message, line) of a Java exception: its root cause on one line, and the line of the statement that it names.

    The line counts from 1 within the statement; it is 1 where Flink names none, and 0 where the SQL is not at fault.
    """
    causes = [(name, text.strip()) for name, text in JAVA_CAUSE.findall(str(error))]
    unreachable = [text or name for name, text in causes if name.endswith(UNREACHABLE)]
    if unreachable:
        return f"no Flink cluster answers: {unreachable[0]}; start it, or set rest.address and rest.port", 0
    refused = [text for _, text in causes if text.startswith("Could not parse value")]
    if refused:
        return refused[0], 0
    lines = [found[1] for _, text in causes if (found := re.search(r"\b[Ll]ine (\d+), column \d+", text))]
    name, text = ([cause for cause in causes if cause[1]] or causes or [("", str(error))])[-1]
    text = re.split(r"\n\s*(?:Was expecting|Table options are)", text)[0]
    if "Traceback (most recent call last)" in text:
        text = [line for line in text.splitlines() if line.strip()][-1]
    elif name and not name.startswith(PLANNING_ERRORS):
        text = f"{name.rpartition('.')[2]}: {text}"
    text = re.sub(r"^((SQL (parse|validation) failed\.|(From|At) line [^:]*:) *)+", "", text)
    text = re.sub(r"Encountered (.*) at line \d+, column \d+\.?", r"found \1, which Flink does not expect here", text)
    return " ".join(text.split()), int(lines[-1]) if lines else 1


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run_sql.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sql", metavar="DIR", type=Path, default=HOUSE / "sql", help="the SQL files (default: sql)")
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        action="append",
        default=[],
        help="values for ${NAME}, NAME=VALUE lines; may be repeated; the environment wins",
    )
    parser.add_argument("--bounded", action="store_true", help="read what Kafka holds now, then end; waits for the end")
    parser.add_argument("--plans", metavar="DIR", type=Path, help="write the plan that Flink compiles to DIR/NAME.json")
    parser.add_argument(
        "--set",
        metavar="[JOB:]KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a Flink option, of that job alone where one is named; may be repeated",
    )
    parser.add_argument(
        "jobs", metavar="JOB", nargs="+", help="name of a file in DIR/jobs or DIR/statement_sets, without its ending"
    )
    options = parser.parse_args(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if strangers := [job for job, _, _ in options.set if job and job not in options.jobs]:
        parser.error(f"an option is for {strangers[0]}, which is not submitted: name it too")
    if len(set(options.jobs)) < len(options.jobs):
        parser.error("a job is named twice: name each once")
    return options


def _setting(text: str) -> tuple[str, str, str]:
    """(job, key, value); the job is '' where the option is for all of them."""
    name, equals, value = text.partition("=")
    job, _, key = name.rpartition(":")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"found {text}: write KEY=VALUE or JOB:KEY=VALUE")
    return job.strip(), key.strip(), value.strip()


def _options_of(name: str, settings: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """The options of one job: those for all, then its own."""
    found = list(settings)
    return {key: value for only in ("", name) for job, key, value in found if job == only}


def _compiled_plan(environment: TableEnvironment, insert: Statement) -> str:
    """Flink's plan in JSON, tables by name alone: their options hold secrets."""
    environment.get_config().set("table.plan.compile.catalog-objects", "IDENTIFIER")
    try:
        operations = modify_operations(environment, insert)
        return str(environment._j_tenv.getPlanner().compilePlan(operations).asJsonString())
    except (Py4JJavaError, JavaException) as error:
        message, line = explain(error)
        raise ScriptError([_fault(insert, line, message)]) from error


def _bound(environment: TableEnvironment, table: str) -> None:
    """Let a table over a Kafka topic end at the topic's present end; the catalog also knows options had by LIKE."""
    catalog = environment.get_catalog(environment.get_current_catalog())
    options = catalog.get_table(ObjectPath(environment.get_current_database(), table)).get_options()
    if options.get("connector") == "kafka":
        bounds = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'"
        environment.execute_sql(f"ALTER TABLE `{table}` SET ({bounds})")


def _execute(environment: TableEnvironment, statement: Statement) -> TableResult:
    try:
        return environment.execute_sql(statement.text)
    except (Py4JJavaError, JavaException) as error:
        message, line = explain(error)
        raise ScriptError([_fault(statement, line, message)]) from error


def _fault(statement: Statement, line: int, message: str) -> Fault:
    """Of a line of a statement; of none (0), where the SQL is not at fault."""
    return Fault(*statement.place(line), message) if line else Fault(statement.path, 0, message)


def _in_this_process(overrides: Mapping[str, str]) -> bool:
    """Whether the jobs end with this process: it runs outside of `flink run` and no cluster was named."""
    return "PYFLINK_GATEWAY_PORT" not in os.environ and overrides.get("execution.target", "local") == "local"


def _finished(name: str, result: TableResult, secrets: Mapping[str, str]) -> bool:
    try:
        result.wait()
    except (Py4JJavaError, JavaException) as error:
        print(_masked(f"{name} failed: {explain(error)[0]}", secrets), file=sys.stderr, flush=True)
        return False
    return True


def _masked(message: str, secrets: Mapping[str, str]) -> str:
    """Flink may quote an option in a message: put ${NAME} back in the place of a secret."""
    for name, value in secrets.items():
        message = message.replace(value, f"${{{name}}}")
    return message


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
