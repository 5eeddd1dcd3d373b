"""The built tracker is that of its source, small, and what its page says."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from footfall.commands.site import STUB
from footfall.settings import ROOT

WEB = ROOT / "footfall" / "collector" / "web"
BUILT = WEB / "footfall.js"
PAGE = (ROOT / "docs" / "tracking-script.md").read_text()
MOST_BYTES = 2500


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with its tools, in the pinned versions."""
    if not shutil.which("npm"):
        pytest.skip("npm is not there: Node 20 or later builds footfall.js")
    folder = tmp_path_factory.mktemp("web")
    for name in ("footfall.ts", "package.json", "package-lock.json", "tsconfig.json"):
        shutil.copy(WEB / name, folder)
    npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    return folder


def npm(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_that_is_served_is_the_build_of_its_source(workshop: Path) -> None:
    npm(workshop, "run", "build")
    assert (workshop / "footfall.js").read_bytes() == BUILT.read_bytes(), "run npm run build in footfall/collector/web"


def test_the_source_passes_the_type_check(workshop: Path) -> None:
    npm(workshop, "run", "check")


def test_the_type_check_finds_an_error(workshop: Path, tmp_path: Path) -> None:
    broken = tmp_path / "web"
    shutil.copytree(workshop, broken, symlinks=True)
    with (broken / "footfall.ts").open("a") as source:
        source.write("\nconst wrong: number = 'text';\n")
    assert subprocess.run(["npm", "run", "check"], cwd=broken, capture_output=True).returncode != 0


def test_the_file_is_small() -> None:
    assert len(gzip.compress(BUILT.read_bytes())) < MOST_BYTES


def test_the_tools_are_pinned_and_no_registry_is_named() -> None:
    package = json.loads((WEB / "package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["devDependencies"].values())
    assert "dependencies" not in package
    assert "http" not in (WEB / "package-lock.json").read_text()


def test_the_script_evaluates_no_text_and_writes_no_style() -> None:
    assert not re.search(r"\beval\b|\bFunction\(|\.style\b|innerHTML|document\.write|\.cookie\b", BUILT.read_text())


def test_the_snippet_on_the_page_is_one_and_its_hash_is_right() -> None:
    (snippet,) = set(re.findall(r"^<script>(window\.footfall.*)</script>$", PAGE, re.MULTILINE))
    assert f"<script>{snippet}</script>" == STUB
    hashed = base64.b64encode(hashlib.sha256(snippet.encode()).digest()).decode()
    assert re.findall(r"'sha256-([^']+)'", PAGE) == [hashed]
