"""Which JVMs are lightly compiled, with their classes from an archive: those that live for seconds, and no server."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.deploy import client, distribution
from footfall.planner import jvm
from footfall.planner.jvm import QUICK, quick_jvm
from footfall.settings import load_settings
from footfall.stack.jars import FLINK, POM

START = "from footfall.planner.jvm import quick_jvm; quick_jvm(); import pyflink.java_gateway as g; g.get_gateway()"


def test_what_plans_and_submits_is_quick_and_a_task_manager_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JVM_ARGS", "-Da=b")
    quick_jvm()
    quick_jvm()
    settings = load_settings()
    assert client.client_environment(settings)["JVM_ARGS"].split().count("-XX:+UseSerialGC") >= 1
    assert client.client_environment(settings)["JVM_ARGS"].endswith("-Da=b")
    assert "JVM_ARGS" not in client.environment(settings)
    monkeypatch.delenv("JVM_ARGS")
    assert client.client_environment(settings)["JVM_ARGS"].endswith(QUICK)


@pytest.mark.parametrize(
    ("folder", "given", "used"),
    [
        ("jars", "", True),
        ("no jars", "", False),
        ("a folder with spaces", "", False),
        ("jars", "-XX:SharedArchiveFile=x", False),
    ],
)
def test_the_archive_is_used_where_it_is_and_nobody_chose_another(
    folder: str, given: str, used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / folder / "pyflink.jsa"
    if folder != "no jars":
        archive.parent.mkdir()
        archive.touch()
    monkeypatch.setattr(jvm, "ARCHIVE", archive)
    monkeypatch.setenv("JVM_ARGS", given)
    quick_jvm()
    quick_jvm()
    assert os.environ["JVM_ARGS"].count(f"-XX:SharedArchiveFile={archive}") == used
    assert os.environ["JVM_ARGS"].endswith(given or QUICK)


def test_a_jvm_takes_flinks_classes_from_the_archive_that_install_made(tmp_path: Path) -> None:
    log = tmp_path / "classes.log"
    environment = {**os.environ, "JVM_ARGS": f"-Xlog:class+load:file={log}"}
    done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    archived = [line for line in log.read_text().splitlines() if "source: shared objects file (top)" in line]
    assert any("org.apache.flink." in line for line in archived), "`make install` makes it anew"


def test_flink_run_takes_them_too_from_whatever_folder_its_cluster_is_laid_out_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JVM_ARGS", "")
    quick_jvm()  # as `upgrade` does before it submits
    settings = dataclasses.replace(load_settings(), home=tmp_path / "home")
    home, log = distribution.lay_out(settings), tmp_path / "classes.log"
    environment = client.client_environment(settings)
    environment["JVM_ARGS"] += f" -Xlog:class+load:file={log}"
    done = subprocess.run([home / "bin" / "flink", "--version"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    archived = [line for line in log.read_text().splitlines() if "source: shared objects file (top)" in line]
    assert any("org.apache.flink." in line for line in archived), "`make install` makes it anew"


def test_an_archive_that_is_none_is_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "pyflink.jsa").write_bytes(b"no archive")
    environment = {**os.environ, "JVM_ARGS": f"-XX:SharedArchiveFile={tmp_path / 'pyflink.jsa'}"}
    done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_our_own_java_is_compiled_against_the_versions_that_run() -> None:
    versions = [dict(re.findall(r"<([a-z.]+\.version)>([^<]+)<", pom.read_text())) for pom in (POM, FLINK / "pom.xml")]
    assert versions[1]
    assert versions[1].items() <= versions[0].items()
