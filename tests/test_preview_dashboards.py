"""The preview of dashboards: Grafana's macros and variables, rows as panels want them, what the server answers to whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from conftest import Tables
from starlette.testclient import TestClient

from footfall.cli import footfall
from footfall.dashboards_preview import app
from footfall.dashboards_preview.frames import make_frame, to_series
from footfall.dashboards_preview.interpolation import BadValue, Value, expand_query
from footfall.dashboards_preview.macros import BadMacro, Fill
from footfall.dashboards_preview.queries import Postgres, QueryFailed
from footfall.dashboards_preview.time_ranges import BadRange, TimeRange, auto_interval_ms, in_words, read_range

Json = dict[str, Any]
START, END = datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 13, 0, 0, 250_000, UTC)
RANGE = TimeRange(START, END)
FROM, TO = "'2026-01-31T12:00:00Z'", "'2026-01-31T13:00:00.25Z'"
EVIL = (
    "'; DROP TABLE sessions; --",
    "o'hare",
    "\\'",
    "''",
    '"',
    "$__timeFrom()",
    "$$",
    "*/",
    "a\n--",
    "%s",
    "${site}",
    "ü'",
)
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "footfall"}


def expanded(template: str, **values: Value) -> str:
    return expand_query(template, values, RANGE, 300_000).sql


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("$__time(t)", 't AS "time"'),
        ("$__timeEpoch(t)", 'extract(epoch from t) as "time"'),
        ("$__timeFilter(t)", f"t BETWEEN {FROM} AND {TO}"),
        ("$__timeFrom()", FROM),
        ("$__timeTo()::date", f"{TO}::date"),
        ("$__timeGroup(t,'5m')", "floor(extract(epoch from t)/300)*300"),
        ("$__timeGroup(t, '1h') AS x", "floor(extract(epoch from t)/3600)*3600 AS x"),
        ("$__timeGroup(t,'5m'), 1", 'floor(extract(epoch from t)/300)*300 AS "time", 1'),
        ("$__timeGroupAlias(t, 500ms)", 'floor(extract(epoch from t)/0.5)*0.5 AS "time"'),
        ("$__timeGroup(t, $__interval)", "floor(extract(epoch from t)/300)*300"),
        ("$__timeGroup(t, '$step')", "floor(extract(epoch from t)/600)*600"),
        ("$__unixEpochFilter(t)", "t >= 1769860800 AND t <= 1769864400"),
        ("$__unixEpochFrom() $__unixEpochTo()", "1769860800 1769864400"),
        ("$__unixEpochNanoFilter(t)", "t >= 1769860800000000000 AND t <= 1769864400250000000"),
        ("$__unixEpochNanoFrom() $__unixEpochNanoTo()", "1769860800000000000 1769864400250000000"),
        ("$__unixEpochGroup(t,'1m')", "floor((t)/60)*60"),
        ("$__unixEpochGroupAlias(t,'1m')", 'floor((t)/60)*60 AS "time"'),
        ("$__interval ${__interval_ms}", "5m 300000"),
        ("$__from ${__to} ${__from:date} ${__from:date:seconds}", "1769860800000 1769864400250 2026-01-31T12:00:00Z 1769860800"),
        ("now() - INTERVAL '$__range'", "now() - INTERVAL '3600s'"),
    ],
)  # fmt: skip
def test_macros_become_what_grafana_makes_of_them(template: str, wanted: str) -> None:
    assert expanded(template, step=Value(("10m",))) == wanted


@pytest.mark.parametrize(("fill", "value"), [("NULL", None), ("previous", "previous"), ("0", 0.0), ("1.5", 1.5)])
def test_the_third_argument_of_a_group_says_how_gaps_are_filled(fill: str, value: object) -> None:
    assert expand_query(f"$__timeGroup(t, '5m', {fill})", {}, RANGE, 1000).fill == Fill(300, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("$__nothing(t)", "is no macro"),
        ("$__timeFilter()", "needs a column"),
        ("$__timeGroup(t)", "needs a column and an interval"),
        ("$__timeGroup(t, 'soon')", "write 30s, 5m"),
        ("$__timeGroup(t, '5m', none)", "NULL, previous or a number"),
    ],
)
def test_a_wrong_macro_is_told_in_one_line(template: str, said: str) -> None:
    with pytest.raises(BadMacro, match=said):
        expanded(template)


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("'$one' '${one}' '[[one]]'", "'o''hare' 'o''hare' 'o''hare'"),
        ("${one:sqlstring} ${one:singlequote}", "'o''hare' 'o''hare'"),
        ("IN ($many) IN (${many:sqlstring}) IN ([[many]])", "IN ('a','b''c') IN ('a','b''c') IN ('a','b''c')"),
        ("'${many:csv}' '${many:raw}' '${many:pipe}'", "'a,b''c' 'a,b''c' 'a|b''c'"),
        ('${many:doublequote} "${many:csv}"', '"a","b\'c" "a,b\'c"'),
        ("'${many:json}' '${many:text}'", """'["a", "b''c"]' 'A + B'"""),
        ("IN ($all)", "IN (SELECT site FROM sites)"),
        ("IN ($none)", "IN (NULL)"),
        ("n > $number AND ${word}_at", "n > 7 AND created_at"),
        ("-$negative", "- -7"),
        ("$unknown ${unknown} $1", "$unknown ${unknown} $1"),
        ("-- $one\nx /* ${many} */", "-- \nx /*  */"),
    ],
)
def test_variables_are_put_in_as_grafana_does_it(template: str, wanted: str) -> None:
    values = {
        "one": Value(("o'hare",)),
        "many": Value(("a", "b'c"), ("A", "B"), many=True),
        "all": Value(("x",), many=True, trusted="SELECT site FROM sites"),
        "none": Value((), many=True),
        "number": Value(("7",)),
        "negative": Value(("-7",)),
        "word": Value(("created",)),
    }
    assert expanded(template, **values) == wanted


@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize(
    "template", ["'$x'", "'${x:raw}'", "${x:sqlstring}", "${x:singlequote}", "'${x:json}'", "'[[x]]'"]
)
def test_postgres_reads_a_quoted_value_as_it_was_given(untouched: Tables, template: str, value: str) -> None:
    query = f"SELECT {expanded(template, x=Value((value,)))}"
    wanted = json.dumps(value, ensure_ascii=False) if "json" in template else value
    assert Postgres(untouched.reader).ask(query).rows == [[wanted]]


@pytest.mark.parametrize("value", EVIL)
def test_each_of_several_values_stays_within_its_quotes(untouched: Tables, value: str) -> None:
    query = f"SELECT ARRAY[{expanded('$x', x=Value((value, value), many=True))}] = ARRAY[{expanded('${x:sqlstring}', x=Value((value, value)))}]"
    assert Postgres(untouched.reader).ask(query).rows == [[True]]


@pytest.mark.parametrize("value", [*EVIL, "a b", "1;2", "--", "1--", "(1)", "E'x'", "a'"])
@pytest.mark.parametrize("template", ["$x", "${x:raw}", "${x:csv}", "E'$x'", "$$ $x $$", "'", "$__timeFilter($x)"])
def test_a_value_without_quotes_is_a_word_or_a_number(template: str, value: str) -> None:
    with pytest.raises(BadValue, match=r"stands without quotes"):
        expanded(template if "x" in template else f"' {template} $x", x=Value((value,)))


def test_quotes_around_a_value_that_brings_its_own_are_refused() -> None:
    with pytest.raises(BadValue, match="within quotes and brings its own"):
        expanded("'$many'", many=Value(("a",), many=True))
    with pytest.raises(BadValue, match="within quotes and brings its own"):
        expanded("'${one:sqlstring}'", one=Value(("a",)))


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        ("now-24h", "now", ("2026-01-30T12:34:56", "2026-01-31T12:34:56")),
        ("now/d", "now/d", ("2026-01-31T00:00:00", "2026-01-31T23:59:59.999")),
        ("now-1M/M", "now/M", ("2026-01-01T00:00:00", "2026-01-31T23:59:59.999")),
        ("now/w", "now+1h", ("2026-01-26T00:00:00", "2026-01-31T13:34:56")),
        ("1769860800000", "2026-01-31T14:00:00+01:00", ("2026-01-31T12:00:00", "2026-01-31T13:00:00")),
    ],
)
def test_a_time_range_is_read_as_grafana_writes_it(start: str, end: str, wanted: tuple[str, str]) -> None:
    found = read_range(start, end, datetime(2026, 1, 31, 12, 34, 56, tzinfo=UTC))
    assert (found.start, found.end) == tuple(datetime.fromisoformat(one).replace(tzinfo=UTC) for one in wanted)


@pytest.mark.parametrize(("start", "end"), [("now", "now-1h"), ("yesterday", "now"), ("now-99y", "now"), ("", "now"), ("9" * 30, "now")])  # fmt: skip
def test_what_is_no_time_range_is_refused(start: str, end: str) -> None:
    with pytest.raises(BadRange):
        read_range(start, end, START)


def test_the_automatic_interval_is_round_and_never_below_the_least() -> None:
    day = TimeRange(START, START + timedelta(days=1))
    assert [in_words(auto_interval_ms(day, points, 1000)) for points in (100, 1000, 10_000)] == ["10m", "1m", "10s"]
    assert auto_interval_ms(day, 10_000, 60_000) == 60_000


def series(
    rows: list[tuple[Any, ...]], fill: Fill | None = None
) -> tuple[list[tuple[str, dict[str, str]]], list[list[Any]]]:
    frame = to_series(make_frame([("time", 20), ("metric", 25), ("value", 20)], rows), fill, TimeRange(START, START + timedelta(minutes=3)))  # fmt: skip
    return [(column.name, column.labels) for column in frame.columns], frame.rows


def test_a_series_a_metric_stands_beside_the_others() -> None:
    at = int(START.timestamp())
    columns, rows = series([(at, "a", 1), (at, "b", 2), (at + 60, "b", 3)])
    assert columns == [("time", {}), ("a", {}), ("b", {})]
    assert rows == [[at * 1000, 1, 2], [at * 1000 + 60_000, None, 3]]


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.0, [1, 0.0, 3, 0.0]), (None, [1, None, 3, None]), ("previous", [1, 1, 3, 3])]
)
def test_gaps_are_filled_over_the_whole_time_range(value: Any, wanted: list[Any]) -> None:
    at = int(START.timestamp())
    _, rows = series([(at, "a", 1), (at + 120, "a", 3)], Fill(60, value))
    assert [row[1] for row in rows] == wanted


def test_labels_tell_series_apart_where_there_is_more_than_a_metric() -> None:
    columns = [("time", 1184), ("site", 25), ("views", 20), ("visits", 1700)]
    frame = to_series(make_frame(columns, [(START, "shop", 4, 2), (START, "blog", 1, None)]), None, RANGE)
    assert [(column.name, column.labels) for column in frame.columns[1:]] == [
        ("views", {"site": "shop"}), ("visits", {"site": "shop"}), ("views", {"site": "blog"}), ("visits", {"site": "blog"}),
    ]  # fmt: skip
    assert frame.rows == [[int(START.timestamp()) * 1000, 4, 2, 1, None]]


def test_values_keep_their_kind(untouched: Tables) -> None:
    frame = Postgres(untouched.reader).ask(
        "SELECT 1::bigint AS a, 1.5::numeric AS b, 'NaN'::float8 AS c, true AS d, timestamptz '2026-01-31 12:00Z' AS e,"
        " date '2026-01-31' AS f, NULL::text AS g, ARRAY[1, 2] AS h, interval '1 day' AS i, 1769860800 AS time"
    )
    assert [column.kind for column in frame.columns] == [
        "number", "number", "number", "boolean", "time", "time", "string", "string", "string", "time",
    ]  # fmt: skip
    midday, midnight = 1769860800000, 1769817600000
    assert frame.rows == [[1, 1.5, None, True, midday, midnight, None, "[1, 2]", "1 day, 0:00:00", midday]]


# --- Postgres


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM sessions RETURNING 1",
        "SELECT 1; DELETE FROM sessions",
        "COMMIT; SELECT 1",
        "SELECT set_config('transaction_read_only', 'off', true); DELETE FROM sessions",
        "SELECT * FROM salts",
        "SELECT pg_read_file('/etc/passwd')",
        "",
    ],
)
def test_a_query_reads_and_does_nothing_else(untouched: Tables, query: str) -> None:
    with pytest.raises(QueryFailed):
        Postgres(untouched.reader).ask(query)


def test_even_a_role_that_may_write_can_not(untouched: Tables) -> None:
    with pytest.raises(QueryFailed, match="read-only transaction"):
        Postgres(untouched.owner).ask("SELECT refresh_traffic()")


def test_a_query_that_takes_too_long_is_ended(untouched: Tables) -> None:
    with pytest.raises(QueryFailed, match=r"longer than 0\.2 s"):
        Postgres(untouched.reader, seconds=0.2).ask("SELECT pg_sleep(60)")


def test_no_more_rows_are_taken_than_are_allowed(untouched: Tables) -> None:
    frame = Postgres(untouched.reader, most_rows=3).ask("SELECT * FROM generate_series(1, 1000000000)")
    assert (frame.rows, frame.truncated) == ([[1], [2], [3]], True)


# --- HTTP


def panel(number: int, query: str, form: str = "table", **more: Any) -> Json:
    return {
        "id": number, "type": "timeseries", "title": "P", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, "datasource": POSTGRES,
        "targets": [{"refId": "A", "rawSql": query, "format": form}], **more,
    }  # fmt: skip


def variable(name: str, kind: str, query: str, **more: Any) -> Json:
    return {"name": name, "type": kind, "query": query, "current": {}, **more}


BOARD: Json = {
    "uid": "small",
    "title": "Small",
    "templating": {
        "list": [
            variable("site", "query", "SELECT site AS __value, upper(site) AS __text FROM sites ORDER BY 1"),
            variable("page", "query", "SELECT DISTINCT page_path FROM page_views_per_minute WHERE site = '$site' ORDER BY 1", multi=True, includeAll=True, current={"value": "$__all"}),
            variable("grain", "custom", "Hourly : hour, day", current={"value": "day"}),
            variable("text", "textbox", "preset"),
            variable("fixed", "constant", "7"),
        ]
    },
    "annotations": {"list": [{"name": "notes", "enable": True, "iconColor": "red", "rawQuery": "SELECT $__timeFrom()::timestamptz AS time, 'begun' AS text, 'a, b' AS tags"}]},
    "panels": [
        panel(1, "SELECT sum(page_view_count) AS views FROM page_views_per_minute WHERE site = '$site' AND page_path IN ($page) AND $__timeFilter(window_start)"),
        panel(2, "SELECT $__timeGroup(window_start, '1m', 0), page_path AS metric, sum(page_view_count) AS value FROM page_views_per_minute WHERE site = ${site:sqlstring} AND $__timeFilter(window_start) GROUP BY 1, 2 ORDER BY 1", "time_series"),
        panel(3, "SELECT nothing FROM nowhere"),
        {"id": 4, "type": "stat", "targets": [{"refId": "A", "datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": "up"}]},
        {"id": 5, "type": "text", "options": {"content": "# Hello\n<script>alert(1)</script> [x](javascript:alert(1))"}},
        {"id": 6, "type": "row", "title": "more", "collapsed": True, "panels": [panel(7, "SELECT '$grain' AS grain, '$text' AS text, $fixed AS fixed")]},
    ],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alerts").mkdir()
    (tmp_path / "small.json").write_text(json.dumps(BOARD))
    return tmp_path


@pytest.fixture
def client(folder: Path, tables: Tables) -> Iterator[TestClient]:
    tables.run(
        tables.owner, "INSERT INTO sites (site, timezone, pseudonym_key) SELECT site, 'UTC', decode(repeat('00', 32), 'hex')"
        " FROM unnest(ARRAY['shop', 'o''hare']) AS site",
    )  # fmt: skip
    for site, path, minute, views in (("shop", "/", 0, 3), ("shop", "/a", 2, 4), ("o'hare", "/", 0, 5)):
        tables.run(tables.writer, "INSERT INTO page_views_per_minute VALUES (%s, %s, %s, %s, 1)", site, START + timedelta(minutes=minute), path, views)  # fmt: skip
    application = app.create(app.Options(folder, ("preview.example",)), Postgres(tables.reader))
    yield TestClient(application, base_url="http://localhost:18090")


def asked(client: TestClient, number: int, **parameters: Any) -> Any:
    words = {
        "uid": "small",
        "panel": number,
        "from": "2026-01-31T12:00:00Z",
        "to": "2026-01-31T12:03:00Z",
        **parameters,
    }
    return client.get("/api/query", params=words)


def rows(client: TestClient, number: int, **parameters: Any) -> list[list[Any]]:
    answer = asked(client, number, **parameters)
    assert answer.status_code == 200, answer.text
    return [row for frame in answer.json()["frames"] for row in frame["rows"]]


def test_a_panel_is_answered_with_the_rows_of_its_query(client: TestClient) -> None:
    assert rows(client, 1, **{"var-site": "shop"}) == [[7]]
    assert rows(client, 1, **{"var-site": "o'hare"}) == [[5]]
    assert rows(client, 1, **{"var-site": "shop", "var-page": ["/a"]}) == [[4]]
    assert rows(client, 1, **{"var-site": "shop", "to": "2026-01-31T12:01:00Z"}) == [[3]]


def test_series_come_side_by_side_and_without_gaps(client: TestClient) -> None:
    answer = asked(client, 2, **{"var-site": "shop"}).json()
    at = int(START.timestamp()) * 1000
    assert (answer["from"], answer["to"]) == (at, at + 180_000)
    assert [column["name"] for column in answer["frames"][0]["columns"]] == ["time", "/", "/a"]
    assert answer["frames"][0]["rows"] == [[at, 3, 0], [at + 60_000, 0, 0], [at + 120_000, 0, 4], [at + 180_000, 0, 0]]


def test_sql_of_a_client_is_never_run(client: TestClient) -> None:
    for name in ("rawSql", "sql", "query", "var-fixed"):
        assert rows(client, 7, **{name: "1; SELECT 42", "var-text": "x"}) == [["day", "x", 7]]


def test_what_a_variable_does_not_offer_falls_back_to_its_default(client: TestClient) -> None:
    assert rows(client, 7, **{"var-grain": "century", "var-text": "'; DROP TABLE sites; --"}) == [
        ["day", "'; DROP TABLE sites; --", 7]
    ]
    assert rows(client, 7, **{"var-grain": "hour"}) == [["hour", "preset", 7]]


def test_variables_offer_what_their_queries_find_one_after_the_other(client: TestClient) -> None:
    found = {one["name"]: one for one in client.get("/api/variables?uid=small&var-site=shop").json()["variables"]}
    assert found["site"]["options"] == [{"text": "O'HARE", "value": "o'hare"}, {"text": "SHOP", "value": "shop"}]
    assert [option["value"] for option in found["page"]["options"]] == ["$__all", "/", "/a"]
    assert (found["site"]["current"], found["page"]["current"], found["grain"]["current"]) == (
        ["shop"],
        ["$__all"],
        ["day"],
    )
    assert found["grain"]["options"] == [{"text": "Hourly", "value": "hour"}, {"text": "day", "value": "day"}]
    assert (found["text"]["current"], found["fixed"]["hidden"]) == (["preset"], True)


def test_annotations_are_times_with_a_text(client: TestClient) -> None:
    answer = client.get("/api/annotations", params={"uid": "small", "from": str(int(START.timestamp()) * 1000)})
    assert answer.json()["annotations"] == [
        {"name": "notes", "color": "red", "time": int(START.timestamp()) * 1000, "timeEnd": None, "text": "begun", "tags": ["a", "b"]}
    ]  # fmt: skip


def test_a_panel_of_prometheus_says_what_it_needs(client: TestClient) -> None:
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
def test_what_can_not_be_answered_is_said_in_one_line(
    client: TestClient, path: str, status: int, said: str | None
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    if said:
        assert said in answer.json()["error"]
        assert "\n" not in answer.json()["error"]


def test_a_database_that_is_away_is_told_by_its_name(folder: Path) -> None:
    application = app.create(
        app.Options(folder), Postgres("host=127.0.0.1 port=1 user=footfall_reader dbname=footfall")
    )
    answer = TestClient(application, base_url="http://localhost").get("/api/query?uid=small&panel=3")
    assert (answer.status_code, "can't be reached" in answer.json()["error"]) == (503, True)


@pytest.mark.parametrize(
    "host", ["localhost:18090", "127.0.0.1:18090", "[::1]:18090", "preview.example", "192.168.1.5"]
)
def test_the_preview_answers_to_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/api/dashboards", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:18090", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_another_made_point_here_gets_no_answer(client: TestClient, host: str) -> None:
    for path in ("/", "/api/dashboards", "/static/page.js"):
        assert client.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_get_no_answer(client: TestClient, site: str) -> None:
    answer = client.get("/api/dashboards", headers={"Sec-Fetch-Site": site, "Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/d/small", "/alerts", "/static/page.js", "/static/missing.js", "/api/alerts"])
def test_no_answer_lets_a_page_run_or_fetch_what_is_not_its_own(client: TestClient, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_is_the_same_for_every_dashboard_and_takes_its_theme_from_the_address(client: TestClient) -> None:
    page = client.get("/").text
    assert "preview, not Grafana" in page
    assert client.get("/d/small").text == page
    assert '<html data-theme="dark" ' in client.get("/?theme=dark").text
    assert client.get('/?theme="><script>').text == page


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent(client: TestClient, method: str) -> None:
    assert client.request(method, "/api/query?uid=small&panel=1").status_code == 405


def test_text_panels_are_markdown_without_markup(client: TestClient) -> None:
    html = next(one for one in client.get("/api/dashboards/small").json()["panels"] if one["type"] == "text")[
        "options"
    ]["html"]
    assert "<h1>Hello</h1>" in html
    assert "<script" not in html
    assert "href" not in html


def test_a_broken_file_is_told_and_the_others_are_shown(client: TestClient, folder: Path) -> None:
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


# --- Alerts


def rule(reducer: str = "last", kind: str = "gt", params: tuple[float, ...] = (5,), hold: str = "0s", query: str = "", **more: Any) -> Json:  # fmt: skip
    return {
        "uid": "r", "title": "Too much", "condition": "C", "for": hold, "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.site }} has {{ $values.B.Value }}"},
        "data": [
            {"refId": "A", "datasourceUid": "footfall", "relativeTimeRange": {"from": 600, "to": 0},
             "model": {"rawSql": query or "SELECT now() AS time, site, n AS value FROM (VALUES ('shop', 3), ('shop', 9)) AS v (site, n)", "format": "time_series"}},
            {"refId": "B", "datasourceUid": "__expr__", "model": {"type": "reduce", "expression": "A", "reducer": reducer}},
            {"refId": "C", "datasourceUid": "__expr__", "model": {"type": "threshold", "expression": "B", "conditions": [{"evaluator": {"type": kind, "params": list(params)}}]}},
        ], **more,
    }  # fmt: skip


VALUES = "SELECT $__timeFrom()::timestamptz + i * interval '1 minute' AS time, 'shop' AS site, n AS value FROM unnest(ARRAY[4, 10, 1]) WITH ORDINALITY AS v (n, i)"
Judge = Callable[..., Json]


@pytest.fixture
def judge(untouched: Tables, tmp_path: Path) -> Judge:
    """Evaluates one rule; further calls are of the same process, at the given second."""
    alerts = app.Alerts(tmp_path, Postgres(untouched.reader))

    def evaluate(content: Json, second: int = 0) -> Json:
        (tmp_path / "rule.json").write_text(json.dumps(content))
        answer = alerts.latest(START + timedelta(seconds=second))
        found: Json = answer["rules"][0]
        return found

    return evaluate


@pytest.mark.parametrize(
    ("reducer", "value"), [("last", 1), ("mean", 5), ("max", 10), ("min", 1), ("sum", 15), ("count", 3)]
)
def test_a_series_is_reduced_to_one_value(judge: Judge, reducer: str, value: float) -> None:
    found = judge(rule(reducer, "eq", (value,), query=VALUES))
    assert (found["state"], found["annotations"]["summary"]) == ("firing", f"shop has {value}")
    assert judge(rule(reducer, "ne", (value,), query=VALUES), 60)["state"] == "normal"


@pytest.mark.parametrize(
    ("kind", "params", "firing"),
    [
        ("gt", (9,), True), ("gt", (10,), False), ("lt", (11,), True), ("lt", (10,), False), ("within_range", (9, 11), True),
        ("within_range", (1, 9), False), ("outside_range", (1, 9), True), ("outside_range", (9, 11), False),
    ],
)  # fmt: skip
def test_a_threshold_says_which_values_are_too_much(
    judge: Judge, kind: str, params: tuple[float, ...], firing: bool
) -> None:
    assert (judge(rule("max", kind, params, query=VALUES))["state"] == "firing") == firing


def test_a_rule_fires_when_its_condition_has_held_long_enough(judge: Judge) -> None:
    loud, quiet = rule("max", "gt", (5,), "1m", VALUES), rule("max", "gt", (50,), "1m", VALUES)
    states = [judge(content, second)["state"] for content, second in (
        (loud, 0), (loud, 59), (loud, 60), (quiet, 80), (loud, 100), (loud, 150), (loud, 160))]  # fmt: skip
    # 59 s: the last look is older than ten seconds, and a minute is not over.
    assert states == ["pending", "pending", "firing", "normal", "pending", "pending", "firing"]


def test_rows_with_labels_are_alerts_of_their_own(judge: Judge) -> None:
    query = "SELECT * FROM (VALUES ('shop', 9), ('blog', 2), ('app', 7)) AS v (site, n)"
    content = rule(query=query)
    content["data"][0]["model"]["format"] = "table"
    found = judge(content)
    assert {one["labels"]["site"]: one["state"] for one in found["instances"]} == {
        "shop": "firing",
        "blog": "normal",
        "app": "firing",
    }
    assert [one["annotations"]["summary"] for one in found["instances"] if one["state"] == "firing"] == [
        "shop has 9",
        "app has 7",
    ]


@pytest.mark.parametrize(
    ("content", "state", "said"),
    [
        (rule(query="SELECT now() AS time, 1.0 AS value WHERE false"), "no data", ""),
        (rule(query="SELECT now() AS time, 1.0 AS value WHERE false", noDataState="Alerting", **{}), "firing", ""),
        (rule(query="SELECT now() AS time, 1.0 AS value WHERE false", noDataState="OK"), "normal", ""),
        (rule(query="SELECT x FROM nowhere"), "error", "nowhere"),
        (rule(query="SELECT x FROM nowhere", execErrState="OK"), "normal", "nowhere"),
        (rule(reducer="variance"), "error", "variance is not known"),
        (rule(kind="near"), "error", "near is not known"),
        (rule(kind="within_range"), "error", "wants 2 numbers"),
        (rule(condition="D"), "error", "no query D"),
    ],
)
def test_a_rule_without_data_or_with_an_error_says_so(judge: Judge, content: Json, state: str, said: str) -> None:
    found = judge(content)
    assert found["state"] == state
    assert said in found["fault"]


def test_a_rule_of_prometheus_is_not_evaluated(judge: Judge) -> None:
    content = rule()
    content["data"][0] |= {"datasourceUid": "prometheus", "model": {"expr": "up"}}
    found = judge(content)
    assert (found["state"], found["needs"]) == ("not evaluated", "Prometheus")


def test_alert_rules_come_in_groups_too_and_are_counted(client: TestClient, folder: Path) -> None:
    (folder / "alerts" / "group.json").write_text(
        json.dumps({"apiVersion": 1, "groups": [{"name": "g", "rules": [rule(), rule(params=(99,), uid="s")]}]})
    )
    (folder / "alerts" / "broken.json").write_text("{")
    answer = client.get("/api/alerts").json()
    assert (answer["counts"]["firing"], answer["counts"]["normal"]) == (1, 1)
    assert [(one["uid"], one["group"], one["severity"]) for one in answer["rules"]] == [
        ("r", "g", "critical"),
        ("s", "g", "critical"),
    ]
    assert answer["faults"][0].startswith("broken.json:1")


# --- The command and its files


def test_a_missing_folder_is_told_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_READER_PASSWORD", "x")
    done = CliRunner().invoke(footfall, ["preview-dashboards", "--dashboards", str(tmp_path / "none")])
    assert "there is no folder" in str(done.exception)


def test_the_reader_alone_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from footfall.dashboards_preview import server

    used: list[str] = []
    monkeypatch.setattr("footfall.dashboards_preview.queries.Postgres", lambda address: used.append(address))
    monkeypatch.setenv("POSTGRES_READER_PASSWORD", "x")
    monkeypatch.setenv(server.OPTIONS, json.dumps({"folder": str(tmp_path), "host": "127.0.0.1", "port": 1}))
    server.application()
    assert [psycopg.conninfo.conninfo_to_dict(address)["user"] for address in used] == ["footfall_reader"]
