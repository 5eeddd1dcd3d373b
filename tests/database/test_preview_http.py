"""What the preview of dashboards answers, and to whom."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from conftest import Tables
from metric_rows import add_site

from footfall.cli import footfall
from footfall.dashboards_preview import app, server
from footfall.grafana.query.postgres import Postgres

Json = dict[str, Any]
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "footfall"}


class Client:
    """Asks the application itself, as a browser on this machine would."""

    def __init__(self, application: Any, base_url: str = "http://localhost:18090") -> None:
        self.application = application
        self.base_url = base_url

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url=self.base_url) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)


VIEWS = "FROM page_views_per_minute WHERE site = ${site:sqlstring} AND $__timeFilter(window_start)"


def panel(number: int, query: str, form: str = "table") -> Json:
    targets = [{"refId": "A", "rawSql": query, "format": form}]
    return {"id": number, "type": "timeseries", "title": "P", "datasource": POSTGRES, "targets": targets}


def variable(name: str, kind: str, query: str, **more: Any) -> Json:
    return {"name": name, "type": kind, "query": query, "current": {}, **more}


BOARD: Json = {
    "uid": "small",
    "title": "Small",
    "templating": {
        "list": [
            variable("site", "query", "SELECT site AS __value, upper(site) AS __text FROM sites ORDER BY 1"),
            variable(
                "page", "query", "SELECT DISTINCT page_path FROM page_views_per_minute WHERE site = '$site' ORDER BY 1",
                multi=True, includeAll=True, current={"value": "$__all"},
            ),
            variable("grain", "custom", "Hourly : hour, day", current={"value": "day"}),
            variable("text", "textbox", "preset"),
            variable("fixed", "constant", "7"),
        ]
    },
    "annotations": {
        "list": [
            {
                "name": "notes", "enable": True, "iconColor": "red",
                "rawQuery": "SELECT $__timeFrom()::timestamptz AS time, 'begun' AS text, 'a, b' AS tags",
            }
        ]
    },
    "panels": [
        panel(1, f"SELECT sum(page_view_count)::bigint AS views {VIEWS} AND page_path IN ($page)"),
        panel(
            2, "SELECT $__timeGroup(window_start, '1m', 0), page_path AS metric, sum(page_view_count) AS value"
            f" {VIEWS} GROUP BY 1, 2 ORDER BY 1", "time_series",
        ),
        panel(3, "SELECT nothing FROM nowhere"),
        {"id": 4, "type": "stat", "targets": [{"datasource": {"type": "prometheus"}, "expr": "up"}]},
        {"id": 5, "type": "text", "options": {"content": "# Hello\n<script>x()</script> [x](javascript:x())"}},
        {
            "id": 6, "type": "row", "collapsed": True,
            "panels": [panel(7, "SELECT '$grain' AS grain, '$text' AS text, $fixed AS fixed")],
        },
    ],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alerts").mkdir()
    (tmp_path / "small.json").write_text(json.dumps(BOARD))
    return tmp_path


@pytest.fixture
def client(folder: Path, tables: Tables) -> Client:
    for site in ("shop", "blog"):
        add_site(tables, site=site)
    for site, path, minute, views in (("shop", "/", 0, 3), ("shop", "/o'hare", 2, 4), ("blog", "/", 0, 5)):
        tables.run(
            tables.writer, "INSERT INTO page_views_per_minute VALUES (%s, %s, %s, %s, 1)",
            site, START + timedelta(minutes=minute), path, views,
        )  # fmt: skip
    application = app.create(app.Options(folder, ("preview.example",)), Postgres(tables.reader))
    return Client(application, base_url="http://localhost:18090")


def asked(client: Client, number: int, **parameters: Any) -> Any:
    words = {
        "uid": "small",
        "panel": number,
        "from": "2026-01-31T12:00:00Z",
        "to": "2026-01-31T12:03:00Z",
        **parameters,
    }
    return client.get("/api/query", params=words)


def rows(client: Client, number: int, **parameters: Any) -> list[list[Any]]:
    answer = asked(client, number, **parameters)
    assert answer.status_code == 200, answer.text
    return [row for frame in answer.json()["frames"] for row in frame["rows"]]


def test_a_panel_is_answered_with_the_rows_of_its_query(client: Client) -> None:
    assert rows(client, 1, **{"var-site": "shop"}) == [[7]]
    assert rows(client, 1, **{"var-site": "blog"}) == [[5]]
    assert rows(client, 1, **{"var-site": "shop", "var-page": ["/o'hare"]}) == [[4]]
    assert rows(client, 1, **{"var-site": "shop", "to": "2026-01-31T12:01:00Z"}) == [[3]]


def test_series_come_side_by_side_and_without_gaps(client: Client) -> None:
    answer = asked(client, 2, **{"var-site": "shop"}).json()
    at = int(START.timestamp()) * 1000
    assert (answer["from"], answer["to"]) == (at, at + 180_000)
    assert [column["name"] for column in answer["frames"][0]["columns"]] == ["time", "/", "/o'hare"]
    assert answer["frames"][0]["rows"] == [[at, 3, 0], [at + 60_000, 0, 0], [at + 120_000, 0, 4], [at + 180_000, 0, 0]]


def test_sql_of_a_client_is_never_run(client: Client) -> None:
    for name in ("rawSql", "sql", "query", "var-fixed"):
        assert rows(client, 7, **{name: "1; SELECT 42", "var-text": "x"}) == [["day", "x", 7]]


def test_what_a_variable_does_not_offer_falls_back_to_its_default(client: Client) -> None:
    assert rows(client, 7, **{"var-grain": "century", "var-text": "'; DROP TABLE sites; --"}) == [
        ["day", "'; DROP TABLE sites; --", 7]
    ]
    assert rows(client, 7, **{"var-grain": "hour"}) == [["hour", "preset", 7]]


def test_variables_offer_what_their_queries_find_one_after_the_other(client: Client) -> None:
    found = {one["name"]: one for one in client.get("/api/variables?uid=small&var-site=shop").json()["variables"]}
    assert found["site"]["options"] == [{"text": "BLOG", "value": "blog"}, {"text": "SHOP", "value": "shop"}]
    assert [option["value"] for option in found["page"]["options"]] == ["$__all", "/", "/o'hare"]
    assert (found["site"]["current"], found["page"]["current"], found["grain"]["current"]) == (
        ["shop"],
        ["$__all"],
        ["day"],
    )
    assert found["grain"]["options"] == [{"text": "Hourly", "value": "hour"}, {"text": "day", "value": "day"}]
    assert (found["text"]["current"], found["fixed"]["hidden"]) == (["preset"], True)


def test_annotations_are_times_with_a_text(client: Client) -> None:
    answer = client.get("/api/annotations", params={"uid": "small", "from": str(int(START.timestamp()) * 1000)})
    assert answer.json()["annotations"] == [
        {
            "name": "notes", "color": "red", "time": int(START.timestamp()) * 1000, "timeEnd": None, "text": "begun",
            "tags": ["a", "b"],
        }
    ]  # fmt: skip


def test_a_panel_of_prometheus_says_what_it_needs(client: Client) -> None:
    assert asked(client, 4).json()["needs"] == ["Prometheus"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/query?uid=small&panel=3", 422, 'relation "nowhere" does not exist'),
        ("/api/query?uid=small&panel=99", 404, "has no panel 99"),
        ("/api/query?uid=small&panel=x", 400, "panel=NUMBER"),
        ("/api/query?panel=1", 400, "uid=NAME"),
        ("/api/query?uid=other&panel=1", 404, "has the uid other"),
        ("/api/query?uid=small&panel=1&from=soon", 400, "is no time"),
        ("/api/dashboards/..%2F..%2Fetc", 404, None),
        (f"/api/query?uid=small&panel=1&{'var-site=a&' * 400}", 400, "parameters"),
        (f"/api/query?uid=small&panel=1&var-text={'a' * 20_000}", 414, "longer than"),
    ],
)
def test_what_can_not_be_answered_is_said_in_one_line(client: Client, path: str, status: int, said: str | None) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    if said:
        assert said in answer.json()["error"]
        assert "\n" not in answer.json()["error"]


def test_a_database_that_is_away_is_reported_by_its_name(folder: Path) -> None:
    application = app.create(
        app.Options(folder), Postgres("host=127.0.0.1 port=1 user=footfall_reader dbname=footfall")
    )
    answer = Client(application, base_url="http://localhost").get("/api/query?uid=small&panel=3")
    assert (answer.status_code, "can't be reached" in answer.json()["error"]) == (503, True)


@pytest.mark.parametrize(
    "host", ["localhost:18090", "127.0.0.1:18090", "[::1]:18090", "preview.example", "192.168.1.5"]
)
def test_the_preview_answers_to_its_own_names(client: Client, host: str) -> None:
    assert client.get("/api/dashboards", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:18090", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_another_made_point_here_gets_no_answer(client: Client, host: str) -> None:
    for path in ("/", "/api/dashboards", "/static/page.js"):
        assert client.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_get_no_answer(client: Client, site: str) -> None:
    answer = client.get("/api/dashboards", headers={"Sec-Fetch-Site": site, "Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/d/small", "/alerts", "/static/page.js", "/static/missing.js", "/api/alerts"])
def test_no_answer_lets_a_page_run_or_fetch_what_is_not_its_own(client: Client, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_is_the_same_for_every_dashboard_and_takes_its_theme_from_the_address(client: Client) -> None:
    page = client.get("/").text
    assert "preview, not Grafana" in page
    assert client.get("/d/small").text == page
    assert '<html data-theme="dark" ' in client.get("/?theme=dark").text
    assert client.get('/?theme="><script>').text == page


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent(client: Client, method: str) -> None:
    assert client.request(method, "/api/query?uid=small&panel=1").status_code == 405


def test_text_panels_are_markdown_without_markup(client: Client) -> None:
    html = next(one for one in client.get("/api/dashboards/small").json()["panels"] if one["type"] == "text")[
        "options"
    ]["html"]
    assert "<h1>Hello</h1>" in html
    assert "<script" not in html
    assert "href" not in html


def test_a_broken_file_is_reported_and_the_others_are_shown(client: Client, folder: Path) -> None:
    (folder / "broken.json").write_text('{\n"uid": }')
    (folder / "empty.json").write_text("[]")
    (folder / "twice.json").write_text(json.dumps(BOARD))
    (folder / "numbers.json").write_text(json.dumps({**BOARD, "uid": "n", "panels": [panel(1, ""), panel(1, "")]}))
    answer = client.get("/api/dashboards").json()
    assert [one["uid"] for one in answer["dashboards"]] == ["small"]
    assert [fault.partition(":")[0] for fault in answer["faults"]] == [
        "broken.json",
        "empty.json",
        "numbers.json",
        "twice.json",
    ]
    assert answer["faults"][0].startswith("broken.json:2")


def test_a_missing_folder_is_reported_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_READER_PASSWORD", "x")
    done = CliRunner().invoke(footfall, ["preview-dashboards", "--dashboards", str(tmp_path / "none")])
    assert "there is no folder" in str(done.exception)


def test_the_reader_alone_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    used: list[str] = []
    monkeypatch.setattr("footfall.grafana.query.postgres.Postgres", lambda address: used.append(address))
    monkeypatch.setenv("POSTGRES_READER_PASSWORD", "x")
    monkeypatch.setenv(server.OPTIONS, json.dumps({"folder": str(tmp_path), "host": "127.0.0.1", "port": 1}))
    server.application()
    assert [psycopg.conninfo.conninfo_to_dict(address)["user"] for address in used] == ["footfall_reader"]
