"""A dashboard with a panel of each kind, for the tests of the preview in a browser."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "footfall"}
VIEWS = "FROM page_views_per_minute WHERE site IN ($site) AND $__timeFilter(window_start)"
BY_PAGE = f"SELECT page_path AS page, sum(page_view_count)::bigint AS views {VIEWS} GROUP BY 1 ORDER BY 2 DESC"
OVER_TIME = (
    "SELECT $__timeGroup(window_start, '10m', 0), page_path AS metric, sum(page_view_count) AS value"
    f" {VIEWS} GROUP BY 1, 2 ORDER BY 1"
)
STATES = "SELECT window_start AS time, page_path AS page FROM page_views_per_minute WHERE site IN ($site) ORDER BY 1"
PLACES = "SELECT * FROM (VALUES ('DE', 9), ('US', 4), ('SG', 2)) AS v (country, visits)"
LOOKUP = {"type": "markers", "location": {"mode": "lookup", "lookup": "country"}, "config": {"style": {}}}
DATA_LINK = {
    "title": "alone",
    "url": "/d/other?${__url_time_range}&var-page=${__data.fields.page}&var-raw=${__value.raw}",
}


BLUES = {"color": {"scheme": "Blues"}}


def panel(number: int, kind: str, title: str, query: str = "", form: str = "table", **more: Any) -> Json:
    """At its place in a grid of three columns."""
    column, row = (number - 1) % 3, (number - 1) // 3
    return {
        "id": number, "type": kind, "title": title, "description": f"about {title}", "datasource": POSTGRES,
        "gridPos": {"x": column * 8, "y": row * 7, "w": 8, "h": 7},
        "targets": [{"refId": "A", "rawSql": query, "format": form}], **more,
    }  # fmt: skip


def config(unit: str = "short", **more: Any) -> Json:
    return {"defaults": {"unit": unit, "color": {"mode": "palette-classic"}, "custom": {}, **more}, "overrides": []}


BOARD: Json = {
    "uid": "kinds",
    "title": "Kinds",
    "description": "One of each.",
    "tags": ["footfall"],
    "timezone": "utc",
    "time": {"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"},
    "links": [
        {"title": "Other boards", "type": "dashboards", "tags": ["footfall"], "keepTime": True, "includeVars": True},
    ],
    "templating": {
        "list": [
            {
                "name": "site", "label": "Site", "type": "query", "query": "SELECT site FROM sites ORDER BY 1 DESC",
                "multi": True, "includeAll": True, "current": {"value": ["shop"]},
            },
            {"name": "unit", "label": "Unit", "type": "custom", "query": "views,clicks", "current": {}},
        ]
    },
    "annotations": {
        "list": [{"name": "n", "enable": True, "iconColor": "red",
                  "rawQuery": "SELECT timestamptz '2026-01-31 12:15Z' AS time, 'begun' AS text"}]
    },
    "panels": [
        panel(1, "stat", "All $unit", f"SELECT sum(page_view_count)::bigint AS views {VIEWS}", fieldConfig=config()),
        panel(2, "timeseries", "Over time", OVER_TIME, "time_series", fieldConfig=config(custom={"fillOpacity": 20})),
        panel(3, "barchart", "Bars", BY_PAGE, fieldConfig=config(), options={"orientation": "horizontal"}),
        panel(4, "piechart", "Shares", BY_PAGE, fieldConfig=config(), options={"reduceOptions": {"values": True}}),
        panel(
            5, "table", "Rows", BY_PAGE,
            fieldConfig={"defaults": {"unit": "short"}, "overrides": [
                {"matcher": {"id": "byName", "options": "page"},
                 "properties": [{"id": "links", "value": [DATA_LINK]}]}]},
        ),
        panel(6, "heatmap", "Heat", OVER_TIME, "time_series", fieldConfig=config(), options=BLUES),
        panel(7, "geomap", "Places", PLACES, fieldConfig=config(), options={"layers": [LOOKUP]}),
        panel(8, "state-timeline", "States", STATES, fieldConfig=config()),
        panel(9, "text", "Words", options={"html": "", "content": "Views of **$site**"}),
        panel(10, "table", "Nothing", "SELECT 1 WHERE false", fieldConfig={"defaults": {"noValue": "none of it"}}),
        panel(11, "table", "Broken", "SELECT x FROM nowhere"),
        {"id": 12, "type": "timeseries", "title": "Elsewhere", "gridPos": {"x": 16, "y": 21, "w": 8, "h": 7},
              "targets": [{"refId": "A", "datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": "up"}]},
        {
            "id": 13, "type": "row", "title": "More", "collapsed": True, "gridPos": {"x": 0, "y": 28, "w": 24, "h": 1},
            "panels": [panel(14, "timeseries", "Columns", OVER_TIME, "time_series",
                             fieldConfig=config(custom={"drawStyle": "bars", "stacking": {"mode": "normal"}}))],
        },
    ],
}  # fmt: skip

# Without the rows that tests change for a moment: what a rule found is told for a minute.
COUNTED = "SELECT sum(page_view_count)::bigint AS views FROM page_views_per_minute WHERE page_view_count < 8"
MORE_THAN_TEN = {"type": "gt", "params": [10]}
ALERT: Json = {
    "uid": "busy", "title": "Much going on", "condition": "C", "for": "0s", "labels": {"severity": "critical"},
    "annotations": {"summary": "{{ $values.B }} views", "runbook_url": "${DOCS_URL}/operating.html#traffic-spike"},
    "data": [
        {"refId": "A", "datasourceUid": "footfall", "model": {"rawSql": COUNTED, "format": "table"}},
        {"refId": "B", "datasourceUid": "__expr__", "model": {"type": "reduce", "expression": "A", "reducer": "last"}},
        {"refId": "C", "datasourceUid": "__expr__", "model": {"type": "threshold", "expression": "B",
                                                              "conditions": [{"evaluator": MORE_THAN_TEN}]}},
    ],
}  # fmt: skip
