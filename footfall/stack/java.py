"""The JDK, Maven, the jars that pom.xml lists, and an archive of the classes that PyFlink's JVM loads."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from footfall.errors import FootfallError
from footfall.settings import ROOT, load_settings

POM = ROOT / "pom.xml"
# Of a JVM that lives for seconds: lightly compiled, one collecting thread. It halves the time of a `flink run`.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
# Flink's classes as the JVM keeps them in memory (Java's AppCDS): 10,000 need not be unpacked, read and checked.
ARCHIVE = ROOT / ".footfall" / "jars" / "pyflink.jsa"


def quick(arguments: str) -> str:
    """The JVM_ARGS of a QUICK one, before those that are given."""
    return arguments if QUICK in arguments else f"{QUICK} {arguments}".rstrip()


def quick_jvm() -> None:
    """Let the JVM that PyFlink starts in this process be a QUICK one, with ARCHIVE where there is one.

    The JVM goes without an archive that is of other jars or of another Java, and says nothing.
    """
    arguments = quick(os.environ.get("JVM_ARGS", ""))
    if ARCHIVE.exists() and "ArchiveFile" not in arguments and " " not in str(ARCHIVE):
        arguments = f"-XX:SharedArchiveFile={ARCHIVE} {arguments}"
    os.environ["JVM_ARGS"] = arguments


def java() -> str:
    """Path of a Java 17 or 21 runtime (what Flink 2.3 and Kafka 4.3 both run on); FootfallError where there is none."""
    home = os.environ.get("JAVA_HOME")
    path = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if home and not Path(home, "bin", "java").exists():
        raise FootfallError(f"JAVA_HOME is {home}, which holds no bin/java: set it to a JDK 17")
    if not path:
        raise FootfallError("no Java found: install a JDK 17 and put java on the PATH, or set JAVA_HOME")
    try:
        output = subprocess.run([path, "-version"], capture_output=True, text=True).stderr
    except OSError as error:
        raise FootfallError(f"{path} can't be run: {error.strerror}. Set JAVA_HOME to a JDK 17") from None
    version = re.search(r'version "(\d+)', output)
    if not version or int(version[1]) not in (17, 21):
        found = output.splitlines()[0] if output else "nothing"
        raise FootfallError(f"Java 17 is needed, {path} is: {found}. Set JAVA_HOME to a JDK 17")
    return path


def ensure_jars(jars: Path) -> Path:
    """Copy the jars that pom.xml lists to jars/, through mvn; nothing to do where they are there already."""
    stamp = jars / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == POM.read_bytes():
        return jars
    maven = shutil.which("mvn")
    if not maven:
        raise FootfallError(
            "mvn is missing: install Maven (Debian: apt-get install maven); it fetches Kafka and connectors"
        )
    java()
    shutil.rmtree(jars, ignore_errors=True)
    done = subprocess.run(
        [maven, "-q", "-B", "-f", str(POM), f"-Djars={jars}", "package"], capture_output=True, text=True
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise FootfallError(f"mvn could not fetch the jars: {lines[0] if lines else 'no reason given'}")
    stamp.write_bytes(POM.read_bytes())
    return jars


def archive_classes() -> None:
    """Make ARCHIVE of what `footfall validate` loads, where it is not newer than Java and Flink; 80 MB."""
    flink = Path(importlib.util.find_spec("pyflink").origin or "").parent  # type: ignore[union-attr]
    parts = [Path(java()).resolve(), *flink.glob("lib/*.jar")]
    if ARCHIVE.exists() and all(part.stat().st_ctime < ARCHIVE.stat().st_ctime for part in parts):
        return
    ARCHIVE.unlink(missing_ok=True)
    new = ARCHIVE.with_suffix(".new")
    environment = {**os.environ, "JVM_ARGS": f"{QUICK} -XX:ArchiveClassesAtExit={new}"}
    # It ends when the JVM does, which writes into the same pipe and makes the archive at its end.
    subprocess.run([sys.executable, "-m", "footfall.cli", "validate"], env=environment, capture_output=True)
    if new.exists():
        new.rename(ARCHIVE)


def main() -> None:
    """`python -m footfall.stack.java`: the part of `make install` that is Java's."""
    try:
        ensure_jars(load_settings().jars)
        archive_classes()
    except FootfallError as error:
        sys.exit(f"footfall: {error}")


if __name__ == "__main__":
    main()
