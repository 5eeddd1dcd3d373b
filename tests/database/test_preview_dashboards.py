"""The preview of dashboards: Grafana's macros, variables and time ranges, and rows as its panels want them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Tables

from footfall.grafana.query.frames import make_frame, to_series
from footfall.grafana.query.interpolation import BadValue, Value, expand_query
from footfall.grafana.query.macros import BadMacro, Fill
from footfall.grafana.query.postgres import Postgres, QueryFailed
from footfall.grafana.query.time_ranges import BadRange, TimeRange, auto_interval_ms, in_words, read_range

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
        ("$__from ${__to}", "1769860800000 1769864400250"),
        ("${__from:date} ${__from:date:seconds}", "2026-01-31T12:00:00Z 1769860800"),
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
def test_a_wrong_macro_is_reported_in_one_line(template: str, said: str) -> None:
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
    many, single = Value((value, value), many=True), Value((value, value))
    query = f"SELECT ARRAY[{expanded('$x', x=many)}] = ARRAY[{expanded('${x:sqlstring}', x=single)}]"
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


BAD_RANGES = [("now", "now-1h"), ("yesterday", "now"), ("now-99y", "now"), ("", "now"), ("9" * 30, "now")]


@pytest.mark.parametrize(("start", "end"), BAD_RANGES)
def test_what_is_no_time_range_is_refused(start: str, end: str) -> None:
    with pytest.raises(BadRange):
        read_range(start, end, START)


def test_the_automatic_interval_is_round_and_never_below_the_least() -> None:
    day = TimeRange(START, START + timedelta(days=1))
    assert [in_words(auto_interval_ms(day, points, 1000)) for points in (100, 1000, 10_000)] == ["15m", "1m", "10s"]
    assert auto_interval_ms(day, 10_000, 60_000) == 60_000


def series(rows: list[tuple[Any, ...]], fill: Fill | None = None) -> tuple[list[str], list[list[Any]]]:
    """Names and rows of the series of three minutes."""
    columns = [("time", 20), ("metric", 25), ("value", 20)]
    frame = to_series(make_frame(columns, rows), fill, TimeRange(START, START + timedelta(minutes=3)))
    assert not any(column.labels for column in frame.columns)
    return [column.name for column in frame.columns], frame.rows


def test_a_series_a_metric_stands_beside_the_others() -> None:
    at = int(START.timestamp())
    columns, rows = series([(at, "a", 1), (at, "b", 2), (at + 60, "b", 3)])
    assert columns == ["time", "a", "b"]
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
        ("views", {"site": "shop"}), ("visits", {"site": "shop"}),
        ("views", {"site": "blog"}), ("visits", {"site": "blog"}),
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
        Postgres(untouched.owner).ask("SELECT lo_create(0)")


def test_a_query_that_takes_too_long_is_ended(untouched: Tables) -> None:
    with pytest.raises(QueryFailed, match=r"longer than 0\.2 s"):
        Postgres(untouched.reader, seconds=0.2).ask("SELECT pg_sleep(60)")


def test_no_more_rows_are_taken_than_are_allowed(untouched: Tables) -> None:
    frame = Postgres(untouched.reader, most_rows=3).ask("SELECT generate_series(1, 1000000000)")
    assert (frame.rows, frame.truncated) == ([[1], [2], [3]], True)
