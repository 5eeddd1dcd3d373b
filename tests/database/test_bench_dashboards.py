"""`footfall bench-dashboards`, at a size that a test can wait for."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from footfall.bench import dashboards
from footfall.errors import FootfallError


def run(keep: Path | None, output: Path, visits: int = 3000, check: bool = False) -> bool:
    return dashboards.bench_dashboards(
        Console(quiet=True), visits=visits, days=3, rounds=1, check=check, keep=keep, output=output
    )


def test_every_query_is_measured_and_a_kept_database_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Path(tempfile.mkdtemp(prefix="footfall-test-"))
    try:
        assert not run(keep, tmp_path / "a.json")
        found = json.loads((tmp_path / "a.json").read_text())
        panels = {(query["dashboard"], query["panel"]) for query in found["queries"]}
        assert {("overview", "Visits"), ("overview", "variable country"), ("people", "Retention")} <= panels
        assert all(query["ms"] > 0 and query["slowest"] for query in found["queries"])
        assert 4_000 < found["visit_events"] < 12_000
        assert 0.1 < found["share_of_inserts_with_triggers"] < 1.5
        # What roll-ups tell is there, and the visits that weighed the triggers are gone.
        rows = {(query["dashboard"], query["panel"]): query["rows"] for query in found["queries"]}
        assert rows["overview", "Channels"] == 7
        assert rows["people", "variable site"] == 8
        filled = (keep / "filled.json").stat().st_mtime
        monkeypatch.setattr(dashboards, "LIMIT_MS", 0)
        assert run(keep, tmp_path / "b.json", check=True)
        assert (keep / "filled.json").stat().st_mtime == filled
        with pytest.raises(FootfallError, match="holds 3,000 visits of 3 days"):
            run(keep, tmp_path / "c.json", visits=4000)
    finally:
        dashboards.postgres.stop(keep / "data")
        dashboards.postgres.remove(keep / "data")
        shutil.rmtree(keep)


def test_what_does_not_fit_is_refused_and_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(FootfallError, match="ask for fewer --visits"):
        run(None, tmp_path / "a.json", visits=10**10)
    assert list(tmp_path.iterdir()) == []
