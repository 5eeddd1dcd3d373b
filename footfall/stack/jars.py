"""The jars: those that pom.xml lists, our own, and archives of the classes that PyFlink and `flink run` load."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from footfall.deploy import client, distribution
from footfall.errors import FootfallError
from footfall.planner.jvm import ARCHIVE, OWN_JAR, QUICK, RUN_ARCHIVE, java, own_jars
from footfall.settings import ROOT, SECRET_NAMES, load_settings

POM = ROOT / "pom.xml"
FLINK = ROOT / "flink"  # our own Java: functions and connectors
JOB = "sessions"  # planning it loads all but some of the classes that planning any other does


def ensure_jars(jars: Path) -> Path:
    """Copy the jars that pom.xml lists to jars/ and build that of flink/, through mvn, where they are old.

    Raises FootfallError.
    """
    _fetch(jars)
    _build(jars)
    return jars


def _fetch(jars: Path) -> None:
    stamp = jars / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == POM.read_bytes():
        return
    shutil.rmtree(jars, ignore_errors=True)
    _mvn(POM, f"-Djars={jars}", task="fetch the jars")
    stamp.write_bytes(POM.read_bytes())


def _build(jars: Path) -> None:
    stamp, sources = jars / "flink.sha256", _sources()
    if (jars / "flink" / OWN_JAR).exists() and stamp.exists() and stamp.read_text() == sources:
        return
    with tempfile.TemporaryDirectory(prefix="footfall-flink-") as folder:
        _mvn(FLINK / "pom.xml", f"-Dtarget={folder}", "-DskipTests", task="build flink/")
        new = jars / "flink" / f"{OWN_JAR}.new"
        shutil.copy(Path(folder) / OWN_JAR, new)
    new.rename(jars / "flink" / OWN_JAR)  # a running cluster goes on with the old one
    stamp.write_text(sources)


def _sources() -> str:
    """SHA-256 of what the jar of flink/ is built of."""
    found = hashlib.sha256()
    for path in [FLINK / "pom.xml", *sorted((FLINK / "src" / "main").rglob("*"))]:
        if path.is_file():
            found.update(bytes(path.relative_to(FLINK)) + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _mvn(pom: Path, *options: str, task: str) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise FootfallError(
            "mvn is missing: install Maven (Debian: apt-get install maven); it fetches Kafka and connectors"
        )
    java()
    done = subprocess.run([maven, "-q", "-B", "-f", str(pom), *options, "package"], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise FootfallError(f"mvn could not {task}: {lines[0] if lines else 'no reason given'}")


def archive_classes() -> None:
    """Make ARCHIVE and RUN_ARCHIVE where they are not newer than Java, Flink and our own jar; 80 MB each, minutes.

    They hold what `footfall validate` loads for JOB, and a `flink run` that plans it and meets no cluster.
    """
    with ThreadPoolExecutor() as both:
        for made in [both.submit(make) for make in (_archive_of_pyflink, _archive_of_run)]:
            made.result()


def _archive_of_pyflink() -> None:
    if not _is_new(ARCHIVE):
        _archive(ARCHIVE, [sys.executable, "-m", "footfall.cli", "validate", JOB], dict(os.environ))


def _archive_of_run() -> None:
    if not _is_new(RUN_ARCHIVE):
        settings = load_settings()
        nowhere = dataclasses.replace(settings, values={**settings.values, "FLINK_REST_ADDRESS": "127.0.0.1:1"})
        secrets = dict.fromkeys(SECRET_NAMES, "not asked for")
        distribution.lay_out(settings)
        _archive(
            RUN_ARCHIVE, client.command(nowhere, [JOB], "-Drest.retry.max-attempts=0"),
            {**secrets, **client.environment(nowhere)},
        )  # fmt: skip


def _is_new(archive: Path) -> bool:
    flink = Path(importlib.util.find_spec("pyflink").origin or "").parent  # type: ignore[union-attr]
    parts = [Path(java()).resolve(), *flink.glob("lib/*.jar"), *own_jars()]
    return archive.exists() and all(part.stat().st_ctime < archive.stat().st_ctime for part in parts)


def _archive(archive: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Make it of what the JVM of a command loads."""
    print(f"making {archive.name}, from which Flink starts in half the time: some minutes, once", flush=True)
    archive.unlink(missing_ok=True)
    new = archive.with_suffix(".new")
    quick = {**environment, "JVM_ARGS": f"{QUICK} -XX:ArchiveClassesAtExit={new}"}
    # It ends when the JVM does, which writes into the same pipe and makes the archive at its end.
    subprocess.run(command, cwd=ROOT, env=quick, capture_output=True)
    if new.exists():
        new.rename(archive)


def main() -> None:
    """`python -m footfall.stack.jars`: the part of `make install` that is Java's."""
    try:
        ensure_jars(load_settings().jars)
        archive_classes()
    except FootfallError as error:
        sys.exit(f"footfall: {error}")


if __name__ == "__main__":
    main()
