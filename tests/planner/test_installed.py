"""Footfall as pip installs it, not as a checkout: what it brings, and the project that it works in."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.settings import ROOT

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("FOOTFALL_PROJECT", "FOOTFALL_HOME")}
# What is in the packages and is no Python: the pages' scripts are built from the others.
DATA = (
    "footfall/collector/web/footfall.js", "footfall/dashboards_preview/web/static/*", "footfall/project/templates/*",
    "udfs/*.csv",
)  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that setup.py fills, as `pip install .` does into site-packages."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("footfall", "jobs", "udfs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build", "--build-lib", str(target)], cwd=source, check=True,
        capture_output=True,
    )  # fmt: skip
    return target


def python(installed: Path, cwd: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Python with what was installed, which does not look into cwd for modules."""
    return subprocess.run(
        [sys.executable, "-P", *arguments], cwd=cwd, env={**ENVIRONMENT, "PYTHONPATH": str(installed), **more},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def footfall(installed: Path, cwd: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command line that was installed."""
    return python(installed, cwd, "-m", "footfall.cli", *arguments, **more)


def test_every_module_and_every_file_that_they_read_is_installed(installed: Path) -> None:
    modules = {path.relative_to(ROOT) for name in ("footfall", "jobs", "udfs") for path in (ROOT / name).rglob("*.py")}
    data = {path.relative_to(ROOT) for pattern in DATA for path in ROOT.glob(pattern)}
    assert len(data) > 5
    assert {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()} == modules | data


def test_in_a_checkout_it_works_with_the_sql_of_the_checkout(installed: Path) -> None:
    where = python(
        installed, ROOT, "-c", "import footfall.cli, footfall.settings as s; print(footfall.__path__[0], s.ROOT)"
    )
    assert where.stdout.split() == [str(installed / "footfall"), str(ROOT)]
    done = footfall(installed, ROOT / "sql" / "jobs", "validate", "page_views_per_minute")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 job, ")


def test_the_functions_of_the_project_count_not_those_that_were_installed(installed: Path, tmp_path: Path) -> None:
    for name in ("sql", "jobs", "flink-conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "udfs", tmp_path / "udfs")
    words = "import footfall.settings, udfs, os; print(udfs.__path__[0], os.environ['PYTHONPATH'])"
    done = python(installed, tmp_path, "-c", words)
    assert done.stdout.split() == [str(tmp_path / "udfs"), f"{tmp_path}{os.pathsep}{installed}"]


def test_a_project_whose_jar_is_not_built_is_reported_how(installed: Path, tmp_path: Path) -> None:
    for name in ("sql", "jobs", "udfs", "flink-conf", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = footfall(installed, tmp_path, "validate")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"footfall: \S+ is missing: `python -m footfall.stack.jars` builds it, with Maven\n", done.stderr
    )


def test_elsewhere_it_says_in_a_line_what_is_missing(installed: Path, tmp_path: Path) -> None:
    done = footfall(installed, tmp_path, "validate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"footfall: {tmp_path} has no sql/, udfs/, jobs/, flink-conf/: work in a checkout of Footfall,"
        " or set FOOTFALL_PROJECT to one\n"
    )
    for arguments in (["--help"], ["validate", "--help"], ["site", "add", "--help"], ["--version"]):
        assert footfall(installed, tmp_path, *arguments).returncode == 0


def test_elsewhere_it_works_with_the_checkout_that_is_named(installed: Path, tmp_path: Path) -> None:
    here = footfall(installed, ROOT, "graph")
    there = footfall(installed, tmp_path, "graph", FOOTFALL_PROJECT=str(ROOT))
    assert (there.returncode, there.stdout) == (0, here.stdout)
    assert "page_views_per_minute" in there.stdout
