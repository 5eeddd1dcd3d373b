"""Lines of foreign files as records: no line is lost, and none passes the site's privacy rules by."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from footfall.collector.consent import Consent
from footfall.collector.segment import Invalid
from footfall.collector.site_settings import Site
from footfall.errors import FootfallError
from footfall.loaders import foreign
from footfall.loaders.external_sort import in_order
from footfall.loaders.formats import parser
from footfall.loaders.lines import Format
from footfall.loaders.rules import Rules
from footfall.loaders.snowplow import COLUMNS

SITE = Site(
    name="shop", origins=(), timezone="UTC", goals=(), default_consent=Consent.FULL,
    denied_fields=frozenset({"nickname"}), requests_per_second=100, pseudonym_key=bytes(range(32)),
)  # fmt: skip
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"
DAY = 1769817600000  # 31 January 2026
HOUR = 3_600_000


def request(
    at: str = "31/Jan/2026:13:00:00 +0000", address: str = "203.0.113.77", path: str = "/", status: str = "200",
    agent: str = AGENT,
) -> str:  # fmt: skip
    return f'{address} - - [{at}] "GET {path} HTTP/1.1" {status} 512 "-" "{agent}"'


def ga4_event(**columns: Any) -> str:
    return json.dumps({"event_name": "page_view", "event_timestamp": "1769864400123456", **columns})


def snowplow_event(**columns: str) -> str:
    given = {"event": "page_view", "event_id": "e1", "derived_tstamp": "2026-01-31 13:00:00.123", **columns}
    return "\t".join(given.get(name, "") for name in COLUMNS)


class Loaded:
    """What a load of these texts, one a file, would write, in order, and what it counted."""

    def __init__(self, folder: Path, kind: Format, *texts: str | bytes, rules: Rules | None = None) -> None:
        paths = []
        for number, text in enumerate(texts):
            paths.append(folder / f"file.{number}")
            paths[-1].write_bytes(text.encode() if isinstance(text, str) else text)
        self.counts = foreign.Counts()
        self.read: list[int] = []
        parse = parser(kind, None)
        files = foreign.by_first_time(paths, kind, parse)
        entries = foreign.entries(files, parse, rules or Rules(SITE), self.counts, self.read.append)
        self.times: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        for entry in in_order(entries):
            record = json.loads(bytes(entry.text))
            (self.rejected if record["type"] == "rejected" else self.events).append(record)
            self.times.append(entry.time)


Load = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return lambda kind, *texts, rules=None: Loaded(tmp_path, kind, *texts, rules=rules)


def test_no_line_is_lost(load: Load) -> None:
    text = "\n".join(
        [
            request(), request(), request(path="/style.css"), request(status="404"), request(status="302"), "",
            "garbage", request().replace("GET", "POST"), request(path="/" + "a" * 40_000),
            request("32/Jan/2026:13:00:00 +0000"), request(status="304"), "\0\0", request(path="*"),
        ]
    )  # fmt: skip
    loaded = load(Format.ACCESS_LOG, text)
    left_out = {"assets": 1, "errors": 1, "redirects": 1, "empty lines": 1, "other methods": 1, "broken requests": 1}
    assert loaded.counts.left_out == left_out
    assert (len(loaded.events), len(loaded.rejected), loaded.counts.unreadable) == (3, 4, 4)
    assert len(text.split("\n")) == len(loaded.events) + loaded.counts.unreadable + loaded.counts.left_out.total()
    assert loaded.read[-1] == len(text)


def test_files_and_lines_come_in_order_of_time_whatever_the_order_of_their_names(load: Load) -> None:
    late, early = (
        "\n".join(request(f"31/Jan/2026:{hour}:{minute}:00 +0000", path=f"/{hour}{minute}") for minute in (10, 59, 30))
        for hour in (14, 13)
    )
    loaded = load(Format.ACCESS_LOG, late, gzip.compress(early.encode()), "")
    paths = [event["context"]["page"]["path"] for event in loaded.events]
    assert paths == ["/1310", "/1330", "/1359", "/1410", "/1430", "/1459"]
    assert loaded.times == sorted(loaded.times)


def test_lines_of_one_second_stay_in_their_order_across_rotated_files(load: Load) -> None:
    first = "\n".join([request("31/Jan/2026:12:59:59 +0000", path="/0"), request(path="/b"), request(path="/a")])
    loaded = load(Format.ACCESS_LOG, "\n".join([request(path="/d"), request(path="/c")]), first)
    assert [event["context"]["page"]["path"] for event in loaded.events] == ["/0", "/b", "/a", "/d", "/c"]


def test_a_visitor_of_a_log_is_one_for_a_day_and_has_no_address(load: Load) -> None:
    rules = Rules(SITE)
    loaded = load(
        Format.ACCESS_LOG,
        "\n".join(
            [
                request("31/Jan/2026:00:00:00 +0000"), request("31/Jan/2026:12:00:00 +0000", agent="other"),
                request("31/Jan/2026:23:59:59 +0000"), request("01/Feb/2026:01:00:00 +0100", address="203.0.113.78"),
                request("01/Feb/2026:00:00:01 +0000"),
            ]
        ),
        rules=rules,
    )  # fmt: skip
    ids = [event["anonymousId"] for event in loaded.events]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 4
    assert {event["context"]["ip"] for event in loaded.events} == {"203.0.113.0"}
    again = load(Format.ACCESS_LOG, request("31/Jan/2026:00:00:00 +0000"))
    assert again.events[0]["anonymousId"] != ids[0]


def test_clients_that_the_server_knew_by_name_are_distinguished(load: Load) -> None:
    loaded = load(
        Format.ACCESS_LOG, "\n".join(request(address=name) for name in ("a.example", "b.example", "a.example"))
    )
    one, other, again = (event["anonymousId"] for event in loaded.events)
    assert one == again != other


def test_what_the_rules_mask_in_an_event_of_http_they_mask_in_a_line(load: Load) -> None:
    (event,) = load(Format.ACCESS_LOG, request(path="/a?email=ada@example.com&nickname=ada&q=bob@example.com")).events
    assert "ada" not in json.dumps(event)
    assert "bob@" not in json.dumps(event)
    assert event["context"]["page"]["path"] == "/a"


def test_an_id_that_is_an_e_mail_address_is_the_same_pseudonym_in_every_run(load: Load) -> None:
    text = snowplow_event(user_id="ada@example.com", domain_userid="d1")
    first, second = (load(Format.SNOWPLOW, text).events[0] for _ in range(2))
    assert first == second
    assert "ada" not in json.dumps(first)
    assert first["messageId"] == "e1"


def test_a_ga4_visitor_who_refused_is_counted_without_a_name(load: Load) -> None:
    refused = {"privacy_info": {"analytics_storage": "No"}}
    loaded = load(
        Format.GA4,
        "\n".join(
            [
                ga4_event(user_pseudo_id="1.2", user_id="ada", **refused), ga4_event(user_pseudo_id="3.4", **refused),
                *(ga4_event(device={"category": name}, **refused) for name in ("mobile", "desktop")),
                ga4_event(user_pseudo_id="1.2", privacy_info={"analytics_storage": "Yes"}),
            ]
        ),
    )  # fmt: skip
    ids = Counter(event["anonymousId"] for event in loaded.events)
    assert len(ids) == 5
    assert ids["1.2"] == 1
    assert [event.get("userId") for event in loaded.events] == [None] * 5


def test_without_consent_nothing_is_kept_and_all_is_counted(load: Load) -> None:
    rules = Rules(replace(SITE, default_consent=Consent.NONE))
    loaded = load(Format.ACCESS_LOG, f"{request()}\n{request()}\ngarbage", rules=rules)
    assert loaded.events == []
    assert loaded.counts.left_out == {"without consent": 2}
    assert loaded.rejected == [
        {"type": "rejected", "site": "shop", "reason": "not a line of an access log in combined format"}
    ]


def test_an_anonymous_site_has_no_ids_addresses_and_click_ids(load: Load) -> None:
    rules = Rules(replace(SITE, default_consent=Consent.ANONYMOUS))
    text = snowplow_event(
        user_id="ada", domain_userid="d1", user_ipaddress="203.0.113.7", mkt_clickid="click", mkt_network="Google"
    )
    (event,) = load(Format.SNOWPLOW, text, rules=rules).events
    assert not {"ada", "d1", "203.0.113.0", "click"} & set(json.dumps(event).split('"'))
    assert event["messageId"] == "e1"


def test_a_line_that_can_not_be_read_is_kept_masked_and_short(load: Load) -> None:
    garbage = "mail from ada@example.com, card 4111 1111 1111 1111 " + "x" * 5000
    (record,) = load(Format.ACCESS_LOG, f"{request()}\n{garbage}").rejected
    assert record["reason"] == "not a line of an access log in combined format"
    assert record["original"].startswith("mail from [e-mail], card [card] x")
    assert len(record["original"]) == 2000


def test_a_line_can_not_pass_itself_off_as_an_event(load: Load) -> None:
    event = {"type": "page", "site": "bank", "messageId": "m", "anonymousId": "a", "timestamp": "2026-01-31T00:00:00Z"}
    loaded = load(Format.ACCESS_LOG, f"{request()}\n{json.dumps(event)}")
    assert (len(loaded.events), loaded.rejected[0]["site"]) == (1, "shop")


def test_a_record_of_a_line_without_time_stands_where_the_line_stood(load: Load) -> None:
    text = "\n".join(
        ["garbage 1", request("31/Jan/2026:13:00:00 +0000"), "garbage 2", request("31/Jan/2026:14:00:00 +0000")]
    )
    assert load(Format.ACCESS_LOG, text).times == [DAY + 13 * HOUR] * 3 + [DAY + 14 * HOUR]


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        (
            Format.ACCESS_LOG,
            "user_id,event_time,url",
            "none of its 2 lines is a request in Apache's and nginx's combined",
        ),
        (Format.GA4, request(), "none of its 2 lines is an event of a GA4 export"),
        (Format.SNOWPLOW, ga4_event(), "none of its 2 lines is an enriched event in Snowplow's 131 columns"),
    ],
)
def test_a_file_of_another_format_is_one_clear_error(load: Load, kind: Format, line: str, message: str) -> None:
    with pytest.raises(FootfallError, match=message):
        load(kind, f"{line}\n\n{line}\n")


def test_a_file_without_lines_is_one_clear_error(load: Load) -> None:
    with pytest.raises(FootfallError, match=r"file\.0: nothing to load, it is empty"):
        load(Format.ACCESS_LOG, "\n\n")


def test_an_event_that_the_collector_would_refuse_is_refused() -> None:
    rules = Rules(SITE)
    for event, reason in (
        ({"type": "page", "anonymousId": "a" * 256}, "anonymousId is longer than 255 bytes"),
        ({"type": "page", "anonymousId": "a\0"}, "anonymousId holds the character U\\+0000"),
        ({"type": "track"}, "a track call needs an event"),
        ({"type": "heartbeat"}, "type is unknown"),
        ({"type": "page", "context": [1]}, "Expected `object"),
        ({"type": "page", "properties": {"a": "b" * 40_000}}, "40,1.. bytes, 32,768 are the most"),
    ):
        with pytest.raises(Invalid, match=reason):
            rules.protected(event, DAY, address="", agent="")


def test_an_event_that_is_nested_too_deeply_is_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(50_000):
        nested = {"a": nested}
    with pytest.raises(Invalid):
        Rules(SITE).protected({"type": "page", "properties": nested}, DAY, address="", agent="")
    while nested:  # one by one: Python can't free them at once
        nested = nested["a"]
