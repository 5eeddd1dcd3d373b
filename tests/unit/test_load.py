"""Reading files of events; the way into Kafka is in tests/e2e."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import FootfallError
from footfall.loaders.load import read_events
from footfall.topic import FLUSH_EVERY, Sender, iso, milliseconds


def events_of(path: Path) -> list[Any]:
    with path.open("rb") as file:
        return list(read_events(path, file, "shop"))


def test_a_csv_row_becomes_a_page_event_with_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,event_time,url\nu,2026-01-01T00:00:00Z,https://x.example/a?b=c\n")
    (event,) = events_of(tmp_path / "a.csv")
    assert event["type"] == "page"
    assert (event["site"], event["anonymousId"], event["timestamp"]) == ("shop", "u", "2026-01-01T00:00:00Z")
    assert event["context"]["page"] == {"url": "https://x.example/a?b=c", "path": "/a"}


def test_equal_rows_are_two_events_and_the_same_file_again_is_the_same_events(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,event_time,url\n" + "u,2026-01-01T00:00:00Z,/a\n" * 2)
    first, second = events_of(tmp_path / "a.csv")
    assert first["messageId"] != second["messageId"]
    assert events_of(tmp_path / "a.csv") == [first, second]


def test_a_gzip_file_is_read_like_the_plain_one(tmp_path: Path) -> None:
    text = 'user_id,event_time,url\nu,2026-01-01T00:00:00Z,"/a,\nb"\n'
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert events_of(tmp_path / "a.csv") == events_of(tmp_path / "a.csv.gz")


def test_a_malformed_url_is_an_event_without_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,event_time,url\nu,2026-01-01T00:00:00Z,http://[x/\n")
    (event,) = events_of(tmp_path / "a.csv")
    assert event["context"]["page"] == {"url": "http://[x/", "path": None}


def test_a_json_line_keeps_its_fields_and_gets_the_site_and_an_id_where_it_has_none(tmp_path: Path) -> None:
    lines = [{"type": "track", "messageId": "m"}, {"type": "track", "site": "other"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = events_of(tmp_path / "a.jsonl")
    assert first == {"type": "track", "messageId": "m", "site": "shop"}
    assert second["site"] == "shop"
    assert len(second["messageId"]) == 32


def test_a_line_that_is_no_json_object_is_passed_on_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"broken\r\n\n[1]\n')
    assert events_of(tmp_path / "a.jsonl") == [b'{"broken', b"[1]"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"user,time\n", r"a\.csv:1: found the columns user,time: write user_id,event_time,url"),
        ("a.csv", b"", "found the columns none"),
        ("a.txt", b"", "the name must end in"),
        ("a.csv.gz", b"plain", "is no whole gzip file"),
        ("a.csv.gz", gzip.compress(b"user_id,event_time,url\n" * 99, mtime=0)[:20], "is no whole gzip file"),
    ],
)
def test_a_file_that_is_something_else_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FootfallError, match=message):
        events_of(tmp_path / name)


def test_times_are_written_in_the_one_form_that_flink_reads() -> None:
    assert iso(milliseconds("2026-01-31T12:00:00.5+02:00")) == "2026-01-31T10:00:00.500Z"
    assert iso(milliseconds("2026-01-31")) == "2026-01-31T00:00:00.000Z"
    assert iso(0) == "1970-01-01T00:00:00.000Z"


class CountingProducer:
    """Takes every record and counts what waits; a real queue has no bound, and what waits in it too long expires."""

    def __init__(self) -> None:
        self.waiting = self.most = 0

    def send(self, *_: Any, **__: Any) -> "CountingProducer":
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        return self

    def add_errback(self, _: Any) -> None:
        pass

    def flush(self, _: float) -> None:
        self.waiting = 0


def test_a_fast_source_waits_for_the_broker() -> None:
    producer: Any = CountingProducer()
    sender = Sender(producer, "raw_events")
    for _ in range(3 * FLUSH_EVERY):
        sender.send(None, b"{}")
    assert producer.most == FLUSH_EVERY
