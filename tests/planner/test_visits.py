"""The operator visits() in Flink itself: what it makes of a log, and what it says of an input that it can't read.

What a visit is, in any order of arrival, is tested in flink/ (VisitsTest).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from e2e import readers

from footfall.planner.jvm import quick_jvm

COLUMNS = (
    "site STRING, visitor_id STRING, event_time TIMESTAMP_LTZ(3), message_id STRING, is_action BOOLEAN,"
    " is_page_view BOOLEAN, page_path STRING, revenue DECIMAL(18, 4)"
)
VISITS = (
    "visits(input => TABLE log PARTITION BY (site, visitor_id), on_time => DESCRIPTOR(event_time),"
    " gap => INTERVAL '30' MINUTE, longest => INTERVAL '24' HOUR, most_events => 10000,"
    " allowed_lateness => INTERVAL '{}' MINUTE, uid => 'visits')"
)


@pytest.fixture
def flink(tmp_path: Path) -> Any:
    quick_jvm()
    from footfall.planner.harness import Suite

    environment = Suite([], {}, tmp_path).environment
    environment.execute_sql("CREATE TEMPORARY SYSTEM FUNCTION visits AS 'footfall.flink.visits.Visits' LANGUAGE JAVA")
    return environment


def event(time: str, id_: str, visitor: str = "v", *, action: bool = True, page: str | None = "/") -> dict[str, object]:
    return {
        "site": "shop", "visitor_id": visitor, "event_time": f"2026-01-31T{time}Z", "message_id": id_,
        "is_action": action, "is_page_view": action and page is not None, "page_path": page, "revenue": 1.5,
    }  # fmt: skip


def write(flink: Any, folder: Path, log: Iterable[dict[str, object]]) -> None:
    """The table log."""
    (folder / "log.json").write_text("\n".join(map(json.dumps, log)))
    flink.execute_sql(
        f"CREATE TABLE log ({COLUMNS}, WATERMARK FOR event_time AS event_time - INTERVAL '1' MINUTE) WITH"
        f" ('connector' = 'filesystem', 'path' = '{folder}/log.json', 'format' = 'json',"
        " 'json.timestamp-format.standard' = 'ISO-8601')"
    )


def told(flink: Any, folder: Path, log: list[dict[str, object]], lateness: int = 0) -> list[str]:
    """A line for each row, of a log in this order, with a watermark after each event, a minute behind the newest."""
    write(flink, folder, log)
    query = (
        "SELECT CONCAT_WS(' ', visitor_id, message_id, CAST(event_number AS STRING),"
        " DATE_FORMAT(session_start, 'HH:mm'), DATE_FORMAT(session_end, 'HH:mm'), page_path,"
        " CASE WHEN is_entry THEN 'entry' END, CASE WHEN is_exit THEN 'exit' END, CAST(revenue AS STRING))"
        f" FROM {VISITS.format(lateness)}"
    )
    with flink.execute_sql(query).collect() as rows:
        return [row[0] for row in rows]


def test_the_events_of_a_visit_are_told_in_order_when_it_is_over(flink: Any, tmp_path: Path) -> None:
    log = [
        event("12:00:00", "a"), event("12:30:00", "c", page="/end"), event("12:29:30", "b", action=False),
        event("12:30:00", "c", page="/end"), event("13:00:01", "closed", action=False),
        event("13:45:00", "d", page=None), event("13:45:00", "d", "w"),
    ]  # fmt: skip
    assert sorted(told(flink, tmp_path, log)) == [
        "v a 1 12:00 12:30 / entry 1.5000", "v b 2 12:00 12:30 / 1.5000", "v c 3 12:00 12:30 /end exit 1.5000",
        "v d 1 13:45 13:45 entry exit 1.5000", "w d 1 13:45 13:45 / entry exit 1.5000",
    ]  # fmt: skip


@pytest.mark.parametrize(("lateness", "ids"), [(0, ["a", "c"]), (14, ["a", "b", "c"])])
def test_an_event_behind_the_watermark_counts_as_far_as_it_is_allowed_to(
    flink: Any, tmp_path: Path, lateness: int, ids: list[str]
) -> None:
    log = [event("12:00:00", "a"), event("12:20:00", "c"), event("12:06:00", "b"), event("12:04:59", "too late")]
    assert [row.split()[1] for row in told(flink, tmp_path, log, lateness)] == ids


@pytest.mark.skipif(not readers.FILE.exists(), reason=f"{readers.FILE} is not there: data for tests")
def test_the_visits_of_real_readers_are_those_of_an_independent_sessionizer(flink: Any, tmp_path: Path) -> None:
    requests = sorted(readers.requests(), key=lambda request: request.time)
    times = (datetime.fromtimestamp(one.time / 1000, UTC).isoformat().replace("+00:00", "Z") for one in requests)
    write(
        flink, tmp_path,
        ({**event("", str(n), one.visitor), "event_time": time}
         for n, (one, time) in enumerate(zip(requests, times, strict=True))),
    )  # fmt: skip
    flink.execute_sql(
        "CREATE TABLE found (visitor_id STRING, session_start TIMESTAMP_LTZ(3), session_end TIMESTAMP_LTZ(3),"
        f" event_number BIGINT) WITH ('connector' = 'filesystem', 'path' = '{tmp_path}/found', 'format' = 'json')"
    )
    query = f"SELECT visitor_id, session_start, session_end, event_number FROM {VISITS.format(0)}"
    flink.execute_sql(f"INSERT INTO found {query}").wait()
    lines = "".join(path.read_text() for path in (tmp_path / "found").iterdir() if path.is_file()).splitlines()
    found = Counter(tuple(json.loads(line).values())[:3] for line in lines)
    assert (len(found), sum(count == 1 for count in found.values())) == (22_224, 13_138)

    def text(ms: int) -> str:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"

    assert found == Counter(
        {
            (visit[0].visitor, text(visit[0].time), text(visit[-1].time)): len(visit)
            for visit in readers.visits(requests)
        }
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (COLUMNS.replace("message_id", "id"), "needs a column message_id: a STRING, the same in each copy"),
        (COLUMNS.replace("page_path STRING", "traits MAP<STRING, STRING>"), "can't keep traits, a MAP<STRING, STRING>"),
    ],
)
def test_an_input_that_it_can_not_read_is_refused_when_it_is_planned(flink: Any, columns: str, says: str) -> None:
    flink.execute_sql(
        f"CREATE TABLE log ({columns}, WATERMARK FOR event_time AS event_time) WITH ('connector' = 'datagen')"
    )
    with pytest.raises(Exception, match=says.replace("(", "\\(")):
        flink.explain_sql(f"SELECT * FROM {VISITS.format(0)}")
