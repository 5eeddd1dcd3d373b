"""The Java that Flink's scripts and PyFlink run on, and how a JVM that lives for seconds is started."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from footfall.errors import FootfallError
from footfall.settings import ROOT, load_settings

OWN_JAR = "footfall-flink.jar"
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def huge_pages() -> str:
    """The option that lets a JVM's memory be in huge pages, '' where the kernel has none (the JVM would warn).

    On a virtual machine that looks up each small page slowly, planning a job takes half the time with it.
    """
    try:
        usable = "[never]" not in HUGE_PAGES.read_text()
    except OSError:
        usable = False
    return "-XX:+UseTransparentHugePages" if usable else ""


# Of a JVM that lives for seconds: lightly compiled, one collecting thread. It halves the time of a `flink run`.
QUICK = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto {huge_pages()}".rstrip()
# Flink's classes as the JVM keeps them in memory (Java's AppCDS): 10,000 need not be unpacked, read and checked.
ARCHIVE = ROOT / ".footfall" / "jars" / "pyflink.jsa"
RUN_ARCHIVE = ROOT / ".footfall" / "jars" / "flink-run.jsa"  # those of `flink run`, whose class path is another


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


def quick(arguments: str) -> str:
    """The JVM_ARGS of a QUICK one, before those that are given."""
    return arguments if QUICK in arguments else f"{QUICK} {arguments}".rstrip()


def archived(arguments: str, archive: Path) -> str:
    """These JVM_ARGS, with an archive of classes where there is one and nobody chose another.

    The JVM goes without one that is of other jars or of another Java, and says nothing.
    """
    arguments = arguments.replace(f"-XX:SharedArchiveFile={ARCHIVE} ", "")  # of quick_jvm(): another class path
    usable = archive.exists() and "Archive" not in arguments and " " not in str(archive)
    return f"-XX:SharedArchiveFile={archive} {arguments}" if usable else arguments


def quick_jvm() -> None:
    """Let the JVM that PyFlink starts in this process be a QUICK one, with ARCHIVE where there is one.

    Raises FootfallError where our own jar is not built.
    """
    if not own_jars()[0].exists():
        raise FootfallError(f"{own_jars()[0]} is missing: `python -m footfall.stack.jars` builds it, with Maven")
    # What PyFlink puts on its class path behind Flink's own jars: it has no other place for ours, which SQL names.
    given = [path for path in os.environ.get("HADOOP_CLASSPATH", "").split(os.pathsep) if path]
    own = [path for path in map(str, own_jars()) if path not in given]
    os.environ["HADOOP_CLASSPATH"] = os.pathsep.join([*own, *given])
    os.environ["JVM_ARGS"] = archived(quick(os.environ.get("JVM_ARGS", "")), ARCHIVE)


def own_jars() -> list[Path]:
    """Our own jar, the driver that the sink in it needs, and the connector of Kafka, which the wheel does not have."""
    jars = load_settings().jars / "flink"
    return [jars / OWN_JAR, *sorted(jars.glob("postgresql-*.jar")), *sorted(jars.glob("flink-sql-connector-*.jar"))]
