"""The dashboards and alert rules that are shipped: their form, and every query of them on real tables as the reader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Postgres, Tables, database_with_tables
from dashboard_rows import fill

from footfall.grafana.query.panels import Boards
from footfall.grafana.query.postgres import Postgres as PostgresReader
from footfall.settings import ROOT

FOLDER = ROOT / "dashboards"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
RULES = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "alerts").glob("*.json"))}
PANELS = [(uid, panel) for uid, board in BOARDS.items() for panel in board["panels"]]
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "footfall"}
KINDS = {"stat", "timeseries", "table", "barchart", "piechart", "geomap", "heatmap", "state-timeline"}
each_board = pytest.mark.parametrize("uid", BOARDS)
each_panel = pytest.mark.parametrize(
    ("uid", "panel"), PANELS, ids=[f"{uid}: {panel['title']}" for uid, panel in PANELS]
)
each_rule = pytest.mark.parametrize("name", RULES)
# What has no rows however much is seeded, or rows only once something was chosen.
EMPTY = {
    "pipeline: Changes of jobs", "visits: Step by step", "visits: Its path", "visits: Duration", "visits: Events",
    "visits: Where it came from", "people: Traits",  # of a month that is over: tests/database/test_traits.py
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Iterator[Tables]:
    for tables in database_with_tables(postgres):
        fill(tables)
        yield tables


@pytest.fixture(scope="module")
def new_site(postgres: Postgres) -> Iterator[Tables]:
    yield from database_with_tables(postgres)


def ask(tables: Tables, uid: str, panel: dict[str, Any], start: str = "now-24h", **given: str) -> list[dict[str, Any]]:
    """The frames of a panel, as the preview answers."""
    boards = Boards(FOLDER, PostgresReader(tables.reader))
    chosen = {name: [value] for name, value in {"site": "shop", **given}.items()}
    answer = boards.panel(uid, panel["id"], chosen, start, "now")
    return list(answer["frames"])


def panel_of(uid: str, title: str) -> dict[str, Any]:
    return next(panel for panel in BOARDS[uid]["panels"] if panel["title"] == title)


@each_board
def test_a_dashboard_has_the_form_that_every_grafana_from_11_to_13_takes(uid: str) -> None:
    board = BOARDS[uid]
    assert (board["id"], board["uid"]) == (None, uid)
    assert 39 <= board["schemaVersion"] <= 42
    assert board["title"]
    assert board["description"]
    assert "footfall" in board["tags"]
    assert board["templating"]["list"][0]["name"] == "site"
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)), "panels lie over each other"
    assert max(x for x, _ in cells) == 23
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(numbers) == len(set(numbers))
    text = json.dumps(board)
    for link in re.findall(r"/d/([a-z-]+)\?", text):
        assert link in BOARDS
    names = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+):sqlstring\}", text))
    assert used <= names
    assert names <= used | {"model"} | set(re.findall(r"var-(\w+)=", text))


@each_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_what_it_shows_without_rows(
    uid: str, panel: dict[str, Any]
) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["type"] in KINDS
    assert len(panel["description"]) > 15
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]
    for target in panel["targets"]:
        assert target["datasource"] in (POSTGRES, {"type": "prometheus", "uid": "prometheus"})


@each_panel
def test_the_query_of_a_panel_gives_what_its_kind_draws(shop: Tables, uid: str, panel: dict[str, Any]) -> None:
    if panel["datasource"] != POSTGRES:
        assert ask(shop, uid, panel) == []
        return
    choices = [
        {}, {"compare": "previous period"}, {"audience": "everything", "device": "mobile", "country": "DE"},
        {"audience": "programs"}, {"page": "/größe", "element": "banner"}, {"unit": "day", "model": "first touch"},
        {"visit": "it's", "site": "nobody's"},
    ]  # fmt: skip
    found = []
    for start, several in (("now-6h", choices), ("now-30d", choices[:2])):
        for given in several:
            frames = ask(shop, uid, panel, start, **given)
            assert len(frames) == len(panel["targets"])
            found += [frame for frame in frames if frame["rows"]] if given in ({}, choices[1]) else []
            for frame in frames:
                check_columns(panel["type"], [column["type"] for column in frame["columns"]], bool(frame["rows"]))
    if f"{uid}: {panel['title']}" not in EMPTY:
        assert found, "nothing is drawn of a full shop"


def check_columns(kind: str, types: list[str], has_rows: bool) -> None:
    if kind == "stat":
        assert types in (["number"], ["string", "number"])  # alone, or now and before
    elif kind in ("timeseries", "heatmap"):
        assert types[0] == "time"
        assert set(types[1:]) <= {"number"}
        assert len(types) > 1 or not has_rows
    elif kind in ("barchart", "piechart", "geomap"):
        assert types[0] == "string"
        assert set(types[1:]) == {"number"}
    elif kind == "state-timeline":
        assert types == ["time", "string"]


@each_panel
def test_a_new_site_has_an_empty_panel_and_no_error(new_site: Tables, uid: str, panel: dict[str, Any]) -> None:
    for frame in ask(new_site, uid, panel, site=""):
        if panel["title"] not in ("Tables", "Database"):
            assert all(value in (None, 0, "now") for row in frame["rows"] for value in row)


@each_board
def test_annotations_and_variables_are_answered(shop: Tables, uid: str) -> None:
    boards = Boards(FOLDER, PostgresReader(shop.reader))
    boards.annotations(uid, {"site": ["shop"]}, "now-24h", "now")
    for variable in boards.variables(uid, {"site": ["shop"]}, "now-24h", "now")["variables"]:
        assert not variable["fault"]
        assert variable["options"] or variable["kind"] == "textbox", variable["name"]


def number(frames: list[dict[str, Any]]) -> Any:
    [row] = frames[0]["rows"]
    return row[-1]


def test_the_numbers_are_those_that_a_hand_would_count(shop: Tables) -> None:
    with psycopg.connect(shop.owner) as connection:
        [(latest,)] = connection.execute(
            "SELECT max(event_time) FROM visit_events WHERE event_type = 'page' AND visitor_id <> 'here'"
        ).fetchall()
    # Thirty days hold all three days of the seed. Every fiftieth visit is a program's.
    assert number(ask(shop, "overview", panel_of("overview", "Visits"), "now-30d")) == 8640 - 173
    assert number(ask(shop, "overview", panel_of("overview", "Visits"), "now-30d", audience="everything")) == 8640
    assert number(ask(shop, "overview", panel_of("overview", "Visitors"), "now-30d", audience="everything")) == 200
    assert number(ask(shop, "overview", panel_of("overview", "Goals"), "now-30d", audience="everything")) == 1728
    assert number(ask(shop, "clicks", panel_of("clicks", "Click-through rate"), "now-30d")) == 0.25
    [pie] = ask(shop, "overview", panel_of("overview", "Devices"), "now-30d", audience="everything")
    assert sorted(pie["rows"]) == [["desktop", 4320], ["mobile", 4320]]
    [bars] = ask(shop, "overview", panel_of("overview", "Channels"), "now-30d", audience="everything", country="AT")
    assert sorted(bars["rows"]) == [["Direct", 1440], ["Organic Search", 1440]]
    [places] = ask(shop, "overview", panel_of("overview", "Countries"), "now-30d", audience="everything")
    assert sorted(places["rows"]) == [["AT", 2880], ["DE", 2880]]
    [table] = ask(shop, "pages", panel_of("pages", "Pages"), "now-30d")
    assert sorted(table["rows"]) == [["/", 2880, 4000, 0.6], ["/größe", 2880, 4000, 0.6], ["/p/1", 2880, 4000, 0.6]]
    series, _ = ask(shop, "overview", panel_of("overview", "Visits and page views"), "now-30d", audience="everything")
    assert sum(row[1] for row in series["rows"]) == 8640
    [funnel] = ask(shop, "funnels", panel_of("funnels", "Funnel"), "now-30d", funnel="sign up")
    assert funnel["rows"] == [["1 came", 201], ["2 signed up", 40]]  # who is still there, and who is a multiple of five
    [[_, lasts, *visit]] = ask(shop, "realtime", panel_of("realtime", "Open visits"))[0]["rows"]
    assert [lasts, *visit] == [0, "/p/1", "/p/1", 1, "AT"]
    [path] = ask(shop, "visits", panel_of("visits", "Its path"), "now-24h", visit="s2")
    assert [row[1] for row in path["rows"]] == ["/größe", "/größe"]
    assert path["rows"][0][0] == round(latest.timestamp() * 1000) - 30_000


def test_custom_events_are_grouped_by_the_property_that_the_site_chose(shop: Tables) -> None:
    [table] = ask(shop, "clicks", panel_of("clicks", "Custom events"), "now-30d")
    assert [column["name"] for column in table["columns"]] == ["event", "property", "value", "events", "share"]
    assert table["rows"] == [["Signed Up", "label", "x", 8640, 1]]
    shop.run(shop.owner, """UPDATE sites SET event_properties = '{"Signed Up": "plan"}' WHERE site = 'shop'""")
    shop.run(
        shop.owner, "INSERT INTO custom_events_per_minute VALUES ('shop', date_trunc('minute', now()), %s, %s, %s, 1)",
        "Signed Up", "pro", 2160,
    )  # fmt: skip
    shop.run(shop.owner, "SELECT refresh_counts()")
    [table] = ask(shop, "clicks", panel_of("clicks", "Custom events"), "now-30d")
    assert table["rows"] == [["Signed Up", "plan", "x", 8640, 0.8], ["Signed Up", "plan", "pro", 2160, 0.2]]


@each_rule
def test_an_alert_rule_has_the_form_that_grafana_provisions(name: str) -> None:
    rule = RULES[name]
    assert (rule["uid"], rule["folderUID"]) == (name, "footfall")
    panels = BOARDS[rule["annotations"]["__dashboardUid__"]]["panels"]
    assert rule["annotations"]["__panelId__"] in [str(panel["id"]) for panel in panels]  # Grafana wants both, or none
    assert rule["labels"]["service"] == "footfall"
    assert {"summary", "description"} <= rule["annotations"].keys()
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["condition"] in [query["refId"] for query in rule["data"]]
    page, _, heading = rule["annotations"]["runbook_url"].removeprefix("${DOCS_URL}/").partition("#")
    assert f'<a id="{heading}"></a>' in (ROOT / "docs" / page.replace(".html", ".md")).read_text()


@each_rule
def test_the_query_of_an_alert_rule_gives_a_number_for_each_site(shop: Tables, name: str) -> None:
    query = RULES[name]["data"][0]
    if query["datasourceUid"] == "prometheus":
        assert query["model"]["expr"]
        return
    frame = PostgresReader(shop.reader).ask(query["model"]["rawSql"])
    assert [column.kind for column in frame.columns] in (["string", "number"], ["number"])
    assert len(frame.rows) == 1
    assert isinstance(frame.rows[0][-1], int | float)


def test_contact_points_hold_no_address_but_the_names_of_variables() -> None:
    for path in (FOLDER / "contact-points").glob("*.json"):
        for key, value in json.loads(Path(path).read_text())["settings"].items():
            if key in ("addresses", "url"):
                assert re.fullmatch(r"\$\{[A-Z_]+\}", value)
