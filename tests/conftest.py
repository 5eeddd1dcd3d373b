"""What tests of several subjects share: a real Postgres, started once."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from footfall import database
from footfall.stack import postgres as server


@dataclass(frozen=True)
class Postgres:
    """An embedded server; its roles have these passwords."""

    directory: Path
    port: int
    log: Path
    passwords: dict[str, str]

    def conninfo(self, role: str, dbname: str = "postgres") -> str:
        return make_conninfo(host="127.0.0.1", port=self.port, user=role, password=self.passwords[role], dbname=dbname)


def free_port() -> int:
    """A TCP port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_folder() -> Path:
    """A temporary folder that another OS user can enter: the server's, where the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="footfall-test-")).resolve()
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server on a free port, without roles and tables of Footfall."""
    folder = open_folder()
    passwords = {role: f"secret of {role} %/?'\\" for role in ("postgres", *database.ROLE_SETTINGS)}
    running = Postgres(folder / "data", free_port(), folder / "postgres.log", passwords)
    try:
        server.start(running.directory, running.port, passwords["postgres"], running.log)
        yield running
    finally:
        server.stop(running.directory)
        shutil.rmtree(folder)
