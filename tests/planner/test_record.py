"""Cases recorded from real events: pseudonyms, YAML that reads back, a case that passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import FootfallError
from footfall.planner.records import Record
from footfall.preview.pseudonyms import pseudonym, pseudonymous, read_key
from footfall.preview.record_case import given_row, record_case, written_key, yaml_text
from footfall.project.catalog import SQL
from footfall.testing.cases import deep_merge, read_cases
from footfall.testing.runner import Runner
from jobs.sql_script import ScriptError

KEY, OTHER = b"k" * 32, b"o" * 32
PRIVATE = ["Ada Lovelace", "ada@example.org", "192.0.2.7", "2001:db8:1::7", "u-4711", "secret", "0170 123", "My page"]
EVENT: dict[str, Any] = {
    "messageId": "m-1", "type": "track", "event": "Order Completed", "site": "shop",
    "anonymousId": "u-4711", "userId": "u-4711", "name": "My page",
    "timestamp": "2026-01-31T12:00:00.000Z", "receivedAt": "2026-01-31T12:00:01.000Z",
    "context": {
        "ip": "192.0.2.7", "userAgent": "Mozilla/5.0", "locale": "en-US", "screen": {"width": 820},
        "page": {"path": "/cart", "title": "My page", "url": "https://ada:secret@shop.test/cart?q=secret&utm_source=x#secret"},
        "traits": {"email": "ada@example.org", "age": 36, "vip": True, "phone": "0170 123"},
    },
    "properties": {"price": 79.5, "order_id": 4711, "coupon": "secret", "ips": ["2001:db8:1::7", 3],
                   "ada@example.org": 1},
    "traits": {"name": "Ada Lovelace"},
}  # fmt: skip


def test_nothing_that_identifies_or_was_typed_is_left() -> None:
    text = json.dumps(pseudonymous(EVENT, KEY))
    for private in (*PRIVATE, "4711", '"age": 36'):
        assert private not in text, private


def test_times_paths_types_numbers_and_utm_parameters_stay() -> None:
    found = pseudonymous(EVENT, KEY)
    for name in ("type", "event", "site", "timestamp", "receivedAt"):
        assert found[name] == EVENT[name]
    page = found["context"]["page"]
    assert page["path"] == "/cart"
    assert page["url"].startswith("https://shop.test/cart?p")
    assert "&utm_source=x#p" in page["url"]
    assert (found["properties"]["price"], found["context"]["screen"]["width"]) == (79.5, 820)
    assert found["context"]["traits"]["vip"] is True
    assert found["context"]["userAgent"] == "Mozilla/5.0"


def test_the_same_is_the_same_everywhere_and_another_key_gives_another() -> None:
    found = pseudonymous(EVENT, KEY)
    assert found["anonymousId"] == found["userId"] == pseudonym("u-4711", KEY)
    assert pseudonym("u-4711", KEY) != pseudonym("u-4711", OTHER)
    assert pseudonym("", KEY) == ""


def test_what_has_a_form_or_a_length_that_counts_keeps_it() -> None:
    assert pseudonym("192.0.2.7", KEY).startswith("198.1")
    assert pseudonym("ada@example.org", KEY).endswith("@example.com")
    assert pseudonym("2001:db8:1::7", KEY).startswith("2001:db8::")
    assert [len(pseudonym("x" * length, KEY)) for length in (1, 100, 101, 256)] == [12, 12, 101, 256]


def test_a_field_can_be_kept() -> None:
    assert pseudonymous(EVENT, KEY, ["properties.coupon"])["properties"]["coupon"] == "secret"


def test_the_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "pseudonyms.key"
    key = read_key(path)
    assert (len(key), path.stat().st_mode & 0o777) == (32, 0o600)
    assert read_key(path) == key


@pytest.mark.parametrize(
    "value",
    ["true", "null", "no", "12", "1.5", "2026-01-31T12:00:00.000Z", "a: b", "# x", "", " ", "\u2028\x85\x00", "\ufeff",
     "\U0001f600", "\ud800", "é'\"\\", "line\nbreak", "- x", "/p/t-1", 1, 1.0, 1e-7, 1e30, True, None, {}, [],
     {"a b": [{"c": "{}"}]}, "²", "'", "@", "e1"],
)  # fmt: skip
def test_what_is_written_reads_back(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "sessions.yml"
    path.write_text(f"x:\n  given:\n    - {{v: {yaml_text(value)}}}\n  expect: []\n", encoding="utf-8")
    [case] = read_cases(path)
    assert json.loads(case.given[0].value or b"")["v"] == value


@pytest.mark.parametrize("name", ["a visit", "null", "it's: odd", "defaults", "12", "- x", "x #y", "ends in ?", "é"])
def test_a_name_reads_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "sessions.yml"
    path.write_text(f"{written_key(name)}:\n  given: []\n  expect: []\n", encoding="utf-8")
    if name != "defaults":
        assert [case.name for case in read_cases(path)] == [name]


def test_a_row_says_what_the_defaults_do_not() -> None:
    defaults = {"messageId": "auto", "site": "shop", "context": {"page": {"path": "/"}, "ip": "x"}}
    event = {"messageId": "m", "site": "shop", "context": {"page": {"path": "/"}}, "n": 1}
    row = given_row(event, defaults)
    assert row == {"messageId": "m", "context": {"ip": None}, "n": 1}
    merged = deep_merge(defaults, row)
    assert merged == {**event, "context": {"page": {"path": "/"}, "ip": None}}
    assert given_row({"a": 1}, {"a": True}) == {"a": 1}


def of(event: object, offset: int) -> Record:
    value = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Record(value, {"kafka_time": "2026-01-31T12:10:00.000Z", "kafka_partition": 1, "kafka_offset": offset})


LOG = [
    of(EVENT, 7),
    of({**EVENT, "messageId": "m-2", "timestamp": "2026-01-31T12:00:02.000Z", "receivedAt": None}, 8),
    of({**EVENT, "anonymousId": "another"}, 9),
    of(b"\xff no JSON, maybe a name", 10),
]


def test_a_case_is_appended_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "sessions.yml"
    before = "defaults: {site: shop, type: page, messageId: auto}\n\nnothing:\n  given: []\n  expect: []"
    path.write_text(before, encoding="utf-8")
    with Runner(SQL, tmp_path) as runner:
        made = record_case(runner, "sessions", "an order", LOG, KEY, where="visitor_id = 'u-4711' AND is_on_time")
        assert (made.events, made.rows, made.left_out) == (1, 1, 0)
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"{before}\n\nan order:\n")
        assert text.splitlines()[made.line - 1] == "an order:"
        assert not [private for private in PRIVATE if private in text]
        assert all(result.passed for result in runner.run(["sessions"]))
        with pytest.raises(FootfallError, match="has a case of this name"):
            record_case(runner, "sessions", "an order", LOG, KEY)
        with pytest.raises(FootfallError, match="none of the events read"):
            record_case(runner, "sessions", "b", LOG, KEY, where="site = 'no'")
        with pytest.raises(ScriptError, match="--where:1: Column 'nothing' not found"):
            record_case(runner, "sessions", "b", LOG, KEY, where="nothing = 1")
        assert path.read_text(encoding="utf-8") == text


def test_a_job_without_a_file_gets_one_and_broken_text_is_left_out(tmp_path: Path) -> None:
    with Runner(SQL, tmp_path) as runner:
        made = record_case(runner, "late_events", "late", LOG, KEY)
        assert (made.events, made.rows, made.left_out) == (3, 1, 1)
        assert "maybe a name" not in made.path.read_text(encoding="utf-8")
        assert all(result.passed for result in runner.run(["late_events"]))
