"""Where things are: the checkout, the state directory, addresses and secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.sql_script import read_env

ROOT = Path(__file__).resolve().parent.parent
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
        """What pom.xml lists, fetched once for all stacks of this checkout."""
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


SECRET_NAMES = frozenset(f"POSTGRES_{role}_PASSWORD" for role in ("ADMIN", "OWNER", "WRITER", "READER", "COLLECTOR"))
