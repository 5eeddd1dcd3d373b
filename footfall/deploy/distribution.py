"""Flink as the PyFlink wheel has it, laid out as a stock distribution: for the client and for the embedded cluster."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from footfall.planner.jvm import QUICK
from footfall.settings import CONFIG, Settings


def lay_out(settings: Settings) -> Path:
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
    _scratch(settings).mkdir(parents=True, exist_ok=True)
    for log_config in (wheel / "conf").glob("log4j*.properties"):
        shutil.copy(log_config, conf)
    with (conf / "log4j-cli.properties").open("a") as file:
        # The stock SQL client logs every statement, and with it the password in the tables' options.
        file.write("\nlogger.sql.name = org.apache.flink.table.client.cli.CliClient\nlogger.sql.level = WARN\n")
    (conf / "config.yaml").write_text(yaml.safe_dump(_config(settings), sort_keys=False, width=4096))
    return home


def _scratch(settings: Settings) -> Path:
    """What Flink's processes write while they live; without it not even its command line starts."""
    return settings.home / "run" / "flink-tmp"


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
            "io.tmp.dirs": str(_scratch(settings)),
            "env.java.opts.jobmanager": QUICK,  # it has little to do: what the second compiler gains it never gets back
            "env.log.dir": str(settings.logs),
            "env.pid.dir": str(settings.home / "run"),
            "python.executable": sys.executable,
            "python.client.executable": sys.executable,
        }
    )
    return config
