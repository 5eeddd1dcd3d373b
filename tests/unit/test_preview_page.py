"""The built page of the preview is that of its sources, and small."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from footfall.settings import ROOT

WEB = ROOT / "footfall" / "dashboards_preview" / "web"
BUILT = ("echarts.js", "page.js", "world.json")
MOST_BYTES = 700_000
SOURCES = ("src", "build-world.js", "package.json", "package-lock.json", "tsconfig.json")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with their tools, in the pinned versions."""
    if not shutil.which("npm"):
        pytest.skip("npm is not there: Node 20 or later builds the page")
    folder = tmp_path_factory.mktemp("web")
    for name in SOURCES:
        copy = shutil.copytree if (WEB / name).is_dir() else shutil.copy
        copy(WEB / name, folder / name)
    (folder / "static").mkdir()
    npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    return folder


def npm(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_that_are_served_are_the_build_of_their_sources(workshop: Path) -> None:
    npm(workshop, "run", "build")
    for name in BUILT:
        built, served = (workshop / "static" / name).read_bytes(), (WEB / "static" / name).read_bytes()
        assert built == served, f"{name}: run npm run build in footfall/dashboards_preview/web"


def test_the_sources_pass_the_type_check(workshop: Path) -> None:
    npm(workshop, "run", "check")


def test_the_files_are_small_and_say_whose_they_are() -> None:
    assert sum((WEB / "static" / name).stat().st_size for name in ("echarts.js", "page.js")) < MOST_BYTES + 50_000
    assert (WEB / "static" / "echarts.js").stat().st_size < MOST_BYTES
    licences = (WEB / "static" / "licences.txt").read_text()
    assert all(f"--- {name}" in licences for name in ("echarts", "zrender", "tslib", "topojson-client", "world-atlas"))
    assert "Apache-2.0" in (WEB / "static" / "echarts.js").read_text()[:200]


def test_nothing_is_fetched_from_elsewhere() -> None:
    page = (WEB / "static" / "index.html").read_text()
    assert "http" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/')
