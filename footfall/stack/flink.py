"""The embedded Flink cluster: the PyFlink wheel's Flink laid out as a stock distribution, standalone, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import yaml

from footfall.errors import FootfallError
from footfall.settings import CONFIG, Settings
from footfall.stack import processes
from footfall.stack.java import java, quick


def distribution(settings: Settings) -> Path:
    """Lay out .footfall/flink as a stock Flink: all that the wheel has, with our connectors in lib/ and our conf/."""
    import pyflink

    wheel, home, jars = Path(pyflink.__file__).parent, settings.flink_home, settings.jars
    for folder in ("bin", "lib", "opt", "plugins"):
        shutil.rmtree(home / folder, ignore_errors=True)
        (home / folder).mkdir(parents=True)
    # The scripts find their home by their own place: copied, not linked.
    shutil.copytree(wheel / "bin", home / "bin", dirs_exist_ok=True)
    for script in (home / "bin").iterdir():
        script.chmod(0o755)
    _link(wheel / "lib", home / "lib")
    _link(wheel / "opt", home / "opt")
    # A JVM loads the native part of Python's bridge once: by the loader of all jobs, not by one that each job has.
    for jar in (wheel / "opt").glob("flink-python-*.jar"):
        (home / "lib" / jar.name).symlink_to(jar)
    _link(jars / "flink", home / "lib")
    _link(jars / "opt", home / "opt")
    for plugin in (wheel / "plugins").iterdir():
        (home / "plugins" / plugin.name).symlink_to(plugin)
    conf = home / "conf"
    conf.mkdir(exist_ok=True)
    for log_config in (wheel / "conf").glob("log4j*.properties"):
        shutil.copy(log_config, conf)
    with (conf / "log4j-cli.properties").open("a") as file:
        # The stock SQL client logs every statement, and with it the password in the tables' options.
        file.write("\nlogger.sql.name = org.apache.flink.table.client.cli.CliClient\nlogger.sql.level = WARN\n")
    (conf / "config.yaml").write_text(yaml.safe_dump(_config(settings), sort_keys=False, width=4096))
    return home


def _link(source: Path, target: Path) -> None:
    for jar in source.glob("*.jar"):
        (target / jar.name).symlink_to(jar)


def _config(settings: Settings) -> dict[str, Any]:
    """flink-conf/config.yaml with this machine's folders, ports and interpreter."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    state = (settings.home / "data" / "flink").as_uri()
    config.update(
        {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.bind-host": "127.0.0.1",
            "jobmanager.rpc.port": settings.port("FLINK_RPC_PORT"),
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": settings.port("FLINK_PORT"),
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "execution.checkpointing.dir": f"{state}/checkpoints",
            "execution.checkpointing.savepoint-dir": f"{state}/savepoints",
            "io.tmp.dirs": str(settings.home / "run" / "flink-tmp"),
            "env.log.dir": str(settings.logs),
            "env.pid.dir": str(settings.home / "run"),
            "python.executable": sys.executable,
            "python.client.executable": sys.executable,
        }
    )
    return config


def environment(settings: Settings) -> dict[str, str]:
    """What Flink's own scripts need beside the secrets and addresses that a job's SQL asks for."""
    java_home = str(Path(java()).resolve().parent.parent)
    variables = settings.environment()
    for name in ("FLINK_HOME", "FLINK_BIN_DIR", "FLINK_LIB_DIR", "FLINK_OPT_DIR", "FLINK_PLUGINS_DIR"):
        variables.pop(name, None)  # of another Flink: PyFlink sets them in a process that has planned SQL
    variables.pop("JVM_ARGS", None)  # those of quick_jvm(): a task manager is here to stay
    # sys.executable's folder first: thread-mode Python finds pemja by it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{variables.get('PATH', '')}"
    variables.update(
        JAVA_HOME=java_home, FLINK_CONF_DIR=str(settings.flink_home / "conf"), PATH=path, HOSTNAME="localhost"
    )
    return variables


def client_environment(settings: Settings) -> dict[str, str]:
    """The same for what submits a job and ends."""
    return {**environment(settings), "JVM_ARGS": quick(os.environ.get("JVM_ARGS", ""))}


def _pid_file(settings: Settings, name: str) -> Path:
    return settings.home / "run" / f"{name}.pid"


def start(settings: Settings) -> None:
    """Start a job manager and a task manager, or find those that run; ready when all slots are offered."""
    manager = processes.find(_pid_file(settings, "jobmanager"))
    if manager is None:
        processes.stop(_pid_file(settings, "taskmanager"))
        processes.require_free_port("Flink's web interface", settings.port("FLINK_PORT"), "FLINK_PORT")
        processes.require_free_port("Flink's job manager", settings.port("FLINK_RPC_PORT"), "FLINK_RPC_PORT")
        distribution(settings)
        for folder in ("checkpoints", "savepoints"):
            (settings.home / "data" / "flink" / folder).mkdir(parents=True, exist_ok=True)
        manager = _start(settings, "jobmanager", "jobmanager.sh")
        processes.wait_until(
            lambda: answers(settings), manager, "Flink's job manager", settings.logs / "jobmanager.log"
        )
    if processes.find(_pid_file(settings, "taskmanager")) is None:
        start_task_manager(settings)


def start_task_manager(settings: Settings) -> psutil.Process:
    """Start the task manager and wait until its slots are offered."""
    before = _task_managers(settings)  # one that was killed stays known for a while
    process = _start(settings, "taskmanager", "taskmanager.sh")
    processes.wait_until(
        lambda: bool(_task_managers(settings) - before), process, "Flink's task manager",
        settings.logs / "taskmanager.log",
    )  # fmt: skip
    return process


def _task_managers(settings: Settings) -> set[str]:
    return {manager["id"] for manager in rest(settings, "/taskmanagers")["taskmanagers"]}


def _start(settings: Settings, name: str, script: str) -> psutil.Process:
    (settings.home / "run" / "flink-tmp").mkdir(parents=True, exist_ok=True)
    command = [str(settings.flink_home / "bin" / script), "start-foreground"]
    log = settings.logs / f"{name}.log"
    return processes.start(f"Flink's {name}", command, environment(settings), _pid_file(settings, name), log)


def revive(settings: Settings) -> None:
    """A task manager again where the embedded cluster lost its own: a row that Postgres refuses ends the process."""
    if processes.find(_pid_file(settings, "jobmanager")) and not task_manager(settings):
        start_task_manager(settings)


def task_manager(settings: Settings) -> psutil.Process | None:
    return processes.find(_pid_file(settings, "taskmanager"))


def stop(settings: Settings) -> bool:
    """Stop both; the task manager first, so that it needs not look for a job manager that is gone."""
    stopped = [processes.stop(_pid_file(settings, name)) for name in ("taskmanager", "jobmanager")]
    return any(stopped)


def answers(settings: Settings) -> bool:
    try:
        rest(settings, "/overview")
    except FootfallError:
        return False
    return True


def rest(settings: Settings, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """One call of Flink's REST API; FootfallError where it does not answer or says no."""
    url = f"http://{settings.flink_rest}{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read()
            return json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        reason = error.read().decode(errors="replace")
        try:
            reason = json.loads(reason)["errors"][0].splitlines()[0]
        except (ValueError, KeyError, IndexError):
            reason = reason[:200]
        raise FootfallError(f"Flink at {settings.flink_rest}: {reason}") from None
    except (OSError, ValueError):
        raise FootfallError(
            f"no Flink answers at {settings.flink_rest}: start the stack with `footfall up`, or set FLINK_REST_ADDRESS"
        ) from None
