"""Child processes that outlive the command that started them, found again by their pid files.

What such a process starts itself has PID_FILE in its environment too: so what is left of it is found after its end.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from footfall.errors import FootfallError

PID_FILE = "FOOTFALL_PID_FILE"  # names the part and the stack that a process belongs to
# Seconds until a process that was just started answers: Postgres may be reading its log, a machine may be busy. And
# seconds of silence after which one that had answered counts as hung.
STARTS_WITHIN, HUNG_AFTER = 180.0, 60.0
LOG_TAIL, LAST_LINES = 100_000, 60  # bytes and lines of a log that are looked at


def start(name: str, command: Sequence[str], env: Mapping[str, str], pid_file: Path, log: Path) -> psutil.Process:
    """Start command in a session of its own, its output in log; the pid file makes it findable.

    What a predecessor left running is ended first: it would have the ports.
    """
    end_remains(pid_file)
    log.parent.mkdir(parents=True, exist_ok=True)
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        begin = output.tell()
        child = subprocess.Popen(
            command, env={**env, PID_FILE: str(pid_file)}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        process = psutil.Process(child.pid)
        write_whole(pid_file, f"{child.pid} {begin}\n")
    except psutil.NoSuchProcess:
        raise FootfallError(f"{name} ended at once; see {log}") from None
    return process


def write_whole(path: Path, text: str) -> None:
    """Write a file that others read: they find the old text or the new."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(text)
    new.replace(path)


def find(pid_file: Path) -> psutil.Process | None:
    """The process of a pid file, or None where it is gone. A pid that a reboot gave to another process is not it.

    Its environment says so, not the time of its start: that moves when the machine's clock is set.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if _environment(process).get(PID_FILE) == str(pid_file) and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except (OSError, ValueError, IndexError, psutil.Error):
        pass
    return None


def _environment(process: psutil.Process) -> dict[str, str]:
    """Its environment. Waits a second for one that has none: it is so while one program takes the place of another."""
    for _ in range(100):
        if (found := process.environ()) or process.status() == psutil.STATUS_ZOMBIE:
            return found
        time.sleep(0.01)
    return {}


def stop(pid_file: Path, timeout: float = 30) -> bool:
    """Ask the process to end, and make it end after timeout seconds, with all that it started.

    True where there was one. Raises FootfallError where the system can't end it either; its pid file stays then.
    """
    process = find(pid_file)
    if process:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            if wait([process], timeout):
                process.kill()
                if wait([process], 5):
                    raise FootfallError(f"process {process.pid} ({pid_file.stem}) does not end: try again")
    remains = end_remains(pid_file)
    pid_file.unlink(missing_ok=True)
    return process is not None or bool(remains)


def kill(pid_file: Path) -> None:
    """End a process that does not answer, at once, with all that it started."""
    if process := find(pid_file):
        end([process], seconds=0)
    end_remains(pid_file)


def end_remains(pid_file: Path) -> list[int]:
    """End what a process of this pid file started and left behind, and nobody else's; returns the pids."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(PID_FILE) == str(pid_file) and process.pid != os.getpid():
                left.append(process)
    end(left, seconds=5)
    return [process.pid for process in left]


def end(found: Sequence[psutil.Process], seconds: float) -> None:
    """Ask processes to end, and make them after so many seconds."""
    for process in found if seconds else ():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    deaf = wait(found, seconds) if seconds else found
    for process in deaf:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait(deaf, 5)


def wait(found: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for the end of processes; returns those that go on after so many seconds.

    A process has ended, too, of which whoever started it took no notice: in a container without an init, nobody does.
    """
    until = time.monotonic() + seconds
    while left := [process for process in found if not _has_ended(process)]:
        if time.monotonic() > until:
            return left
        time.sleep(0.05)
    return []


def _has_ended(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return False
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(0)  # a child of ours stays known until somebody asks
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


def wait_until(
    ready: Callable[[], bool], process: psutil.Process, name: str, log: Path, timeout: float | None = None
) -> None:
    """Wait for ready(); raise FootfallError where the process ends first, is stopped, or timeout seconds pass.

    By default these are what is left of STARTS_WITHIN to the process, and HUNG_AFTER at least.
    """
    if timeout is None:
        timeout = max(STARTS_WITHIN - (time.time() - process.create_time()), HUNG_AFTER)
    deadline = time.monotonic() + timeout
    while not ready():
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise FootfallError(f"{name} ended while it started: {last_error(log)}; see {log}")
        if process.status() == psutil.STATUS_STOPPED:
            raise FootfallError(f"{name} (pid {process.pid}) is stopped: `kill -CONT {process.pid}` lets it go on")
        if time.monotonic() > deadline:
            raise FootfallError(f"{name} (pid {process.pid}) did not answer within {timeout:.0f} s; see {log}")
        time.sleep(0.1)


def last_error(log: Path, pid_file: Path | None = None) -> str:
    """What the last lines of a log say of an error; those of the process of a pid file alone, where one is given."""
    with contextlib.suppress(OSError, ValueError, IndexError), log.open("rb") as file:
        begin = int(pid_file.read_text().split()[1]) if pid_file and pid_file.exists() else 0
        file.seek(max(begin, log.stat().st_size - LOG_TAIL))
        for line in reversed(file.read().decode(errors="replace").splitlines()[-LAST_LINES:]):
            if "ERROR" in line or "Exception" in line or "FATAL" in line or "PANIC" in line:
                return re.sub(r"^[\d-]+[T ][\d:,.]+(Z| UTC)? ", "", line.strip())[:200]
    return "no reason in its log"
