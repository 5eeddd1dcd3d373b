"""The JDK, Maven and the jars that pom.xml lists."""

from __future__ import annotations

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


def quick(arguments: str) -> str:
    """The JVM_ARGS of a QUICK one, before those that are given."""
    return arguments if QUICK in arguments else f"{QUICK} {arguments}".rstrip()


def quick_jvm() -> None:
    """Let the JVM that PyFlink starts in this process be a QUICK one."""
    os.environ["JVM_ARGS"] = quick(os.environ.get("JVM_ARGS", ""))


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


def main() -> None:
    """`python -m footfall.stack.java`: the jars part of `make install`."""
    try:
        ensure_jars(load_settings().jars)
    except FootfallError as error:
        sys.exit(f"footfall: {error}")


if __name__ == "__main__":
    main()
