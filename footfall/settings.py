"""Where things are: the project, the state directory, addresses and secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from footfall.errors import FootfallError
from jobs.sql_script import read_env

FOLDERS = ("sql", "udfs", "jobs", "flink-conf")  # what a project has, whatever else lies in it
CODE = Path(__file__).resolve().parent.parent  # a checkout, or where pip has installed it


def _find_project() -> Path:
    """The folder of FOOTFALL_PROJECT; else the checkout that this code is of; else the nearest project from here up."""
    if given := os.environ.get("FOOTFALL_PROJECT"):
        return Path(given).resolve()
    if not _missing(CODE):
        return CODE
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if not _missing(folder)), here)


def _missing(folder: Path) -> list[str]:
    return [name for name in FOLDERS if not (folder / name).is_dir()]


def require_project() -> None:
    """Raise FootfallError where there is no project, and so nothing to work with."""
    if missing := _missing(ROOT):
        raise FootfallError(
            f"{ROOT} has no {', '.join(f'{name}/' for name in missing)}: work in a checkout of Footfall,"
            " or set FOOTFALL_PROJECT to one"
        )


ROOT = _find_project()
if ROOT != CODE:
    # The functions of its udfs/ count, not those that were installed: here, and in the JVMs that are started from here.
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
CONFIG = ROOT / "flink-conf" / "config.yaml"
LOCAL_ENV = ROOT / "flink-conf" / "local.env"


@dataclass(frozen=True)
class Settings:
    """home holds everything that the embedded stack writes; values has every ${NAME}, the environment first."""

    home: Path
    values: Mapping[str, str]

    @property
    def secrets_file(self) -> Path:
        """Passwords that the stack generated; mode 600, below a folder that git ignores."""
        return self.home / "secrets.env"

    @property
    def env_files(self) -> list[Path]:
        return [path for path in (LOCAL_ENV, self.secrets_file) if path.exists()]

    @property
    def jars(self) -> Path:
        """What pom.xml lists, fetched once for all stacks of this project."""
        return ROOT / ".footfall" / "jars"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def flink_home(self) -> Path:
        return self.home / "flink"

    @property
    def topic(self) -> str:
        return self.values["RAW_EVENTS_TOPIC"]

    @property
    def bootstrap_servers(self) -> str:
        return self.values["KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def flink_rest(self) -> str:
        return self.values["FLINK_REST_ADDRESS"]

    @property
    def collector_url(self) -> str:
        """Where pages reach the collector."""
        return self.values["COLLECTOR_URL"].rstrip("/")

    def port(self, name: str) -> int:
        return int(self.values[name])

    def environment(self) -> dict[str, str]:
        """What a child process needs to resolve every ${NAME}; the only way in which secrets travel."""
        return {**os.environ, **self.values, "FOOTFALL_HOME": str(self.home)}

    @staticmethod
    def is_yours(name: str) -> bool:
        """Whether the environment gives the address of a server that the user runs, not we."""
        return name in os.environ


def load_settings() -> Settings:
    """Settings from flink-conf/local.env, the stack's generated secrets and the environment (the last wins)."""
    home = Path(os.environ.get("FOOTFALL_HOME", ROOT / ".footfall")).resolve()
    values = read_env(LOCAL_ENV, os.environ)
    secrets = home / "secrets.env"
    if secrets.exists():
        values = read_env(secrets, os.environ, values)
    values |= {name: value for name, value in os.environ.items() if name in {*values, *SECRET_NAMES}}
    return Settings(home=home, values=values)


ALERT_TEST_SITE = "footfall-alert-test"  # whatever has it is of `footfall alert test`, and nobody's
SECRET_NAMES = frozenset(f"POSTGRES_{role}_PASSWORD" for role in ("ADMIN", "OWNER", "WRITER", "READER", "COLLECTOR"))
