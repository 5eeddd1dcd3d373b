"""Child processes that outlive the command that started them, found again by their pid files."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from footfall.errors import FootfallError


def start(name: str, command: Sequence[str], env: Mapping[str, str], pid_file: Path, log: Path) -> psutil.Process:
    """Start command in a session of its own, its output in log; the pid file makes it findable."""
    log.parent.mkdir(parents=True, exist_ok=True)
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        process = psutil.Process(child.pid)
        pid_file.write_text(f"{child.pid} {process.create_time()}\n")
    except psutil.NoSuchProcess:
        raise FootfallError(f"{name} ended at once; see {log}") from None
    return process


def find(pid_file: Path) -> psutil.Process | None:
    """The process of a pid file, or None where it is gone. A pid that a reboot gave to another process is not it."""
    try:
        pid, created = pid_file.read_text().split()
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(created)) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except (OSError, ValueError, psutil.NoSuchProcess):
        pass
    return None


def stop(pid_file: Path, timeout: float = 30) -> bool:
    """Ask the process to end, and make it end after timeout seconds. True where there was one.

    Raises FootfallError where the system can't end it either; its pid file stays then.
    """
    process = find(pid_file)
    if process:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            if not _ends(pid_file, timeout):
                process.kill()
                if not _ends(pid_file, 5):
                    raise FootfallError(f"process {process.pid} ({pid_file.stem}) does not end: try again")
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(0)  # a child of ours stays known until somebody asks
    pid_file.unlink(missing_ok=True)
    return process is not None


def _ends(pid_file: Path, seconds: float) -> bool:
    """Whether it ends meanwhile. A process has ended, too, of which whoever started it did not take notice yet."""
    until = time.monotonic() + seconds
    while find(pid_file):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def require_free_port(part: str, port: int, variable: str) -> None:
    """Raise FootfallError where something listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise FootfallError(
                f"port {port} for {part} is in use{_owner(port)}: stop that, or choose another port: {variable}=…"
            ) from None


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else ""
    return ""


def wait_until(ready: Callable[[], bool], process: psutil.Process, name: str, log: Path, timeout: float = 60) -> None:
    """Wait for ready(); raise FootfallError where the process ends first or timeout seconds pass."""
    deadline = time.monotonic() + timeout
    while not ready():
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise FootfallError(f"{name} ended while it started: {_last_error(log)}; see {log}")
        if time.monotonic() > deadline:
            raise FootfallError(f"{name} was not ready within {timeout:.0f} s; see {log}")
        time.sleep(0.1)


def _last_error(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()
        for line in reversed(lines):
            if "ERROR" in line or "Exception" in line or "FATAL" in line:
                return line.strip()[:200]
    return "no reason in its log"
