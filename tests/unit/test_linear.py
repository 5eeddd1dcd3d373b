"""Work for what a sender wrote grows with its bytes, and not with their square, whatever they are.

Measured is processor time, at 32 and at 500 KB, the two limits of Segment's API: what is linear takes 16 times as long,
what grows with the square 244 times.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import process_time
from types import FrameType
from typing import Any

import pytest
from worst_shapes import Found, compiled_elsewhere, patterns, run, seconds, shapes

from footfall.collector.consent import Consent
from footfall.collector.denied_fields import plain
from footfall.collector.pipeline import Sender, take
from footfall.collector.scrub import Scrubber, scrub_text
from footfall.collector.segment import BATCH_BYTES, EVENT_BYTES, Batch, Fault, Invalid, openers, read_batch, read_key
from footfall.collector.site_settings import Site
from footfall.collector.timestamps import ensure_message_id, stamp
from footfall.loaders import access_log, campaigns, ga4, snowplow
from footfall.loaders.rules import Rules
from footfall.preview.pseudonyms import pseudonymous
from footfall.settings import ROOT
from udfs import bots, channels, languages, pages, parsed_agents, urls, user_agents

SMALL, LARGE = EVENT_BYTES, BATCH_BYTES
pytestmark = pytest.mark.slow
SLACK = 4  # caches that a long text does not fit into, other programs on the machine
MOST_TIMES = SLACK * LARGE / SMALL
SCREENED = 2048  # characters at which all shapes are tried; the worst of them are then measured
WORST = 3
LIMIT = 20  # seconds of processor time after which a test fails instead of going on for hours
NOTICED = 0.02  # s at 500 KB: what takes less is linear, or too fast to tell
KEY = b"k" * 32

MODULES = [
    importlib.import_module(module.name)
    for name in ("footfall.collector", "footfall.loaders", "udfs")
    for module in pkgutil.iter_modules([str(ROOT / name.replace(".", "/"))], f"{name}.")
] + [importlib.import_module("footfall.preview.pseudonyms"), importlib.import_module("footfall.topic")]
PATTERNS = [found for module in MODULES for found in patterns(module)]

SITE = Site("shop", ("*",), "UTC", (), Consent.FULL, frozenset(), 0, KEY, {"e": "label"}, ("q",), True)
SENDER = Sender(address="203.0.113.7", agent="Mozilla/5.0", from_browser=True, opted_out=False)


class NoSalts:
    def salt(self, _day: object) -> bytes:
        return KEY


class Endless(Exception):
    pass


@contextmanager
def limited(what: str) -> Iterator[None]:
    """Fail after LIMIT seconds of processor time: a pattern that is worse than linear would run for hours."""

    def ended(_signal: int, _frame: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGPROF, ended)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        yield
    except Endless:
        raise AssertionError(f"not done after {LIMIT} s: {what}") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def test_every_pattern_has_a_name_by_which_it_is_found() -> None:
    """re.search(…) in a function, or a pattern that is compiled in one, would be tested by nobody."""
    elsewhere = {module.__name__: lines for module in MODULES if (lines := compiled_elsewhere(module))}
    # The analysts' own rules, from channel_rules.csv: not ours to judge.
    assert list(elsewhere) == ["udfs.channels"]
    assert len(elsewhere["udfs.channels"]) == 1
    assert len(PATTERNS) > 50


@pytest.mark.parametrize("found", PATTERNS, ids=lambda found: found.name)
def test_a_pattern_takes_time_that_grows_with_the_length_of_the_text(found: Found) -> None:
    work = run(found)
    with limited(found.name):
        taken = []
        for number, text in enumerate(shapes(found.pattern, SCREENED)):
            begun = process_time()
            work(text)
            taken.append((process_time() - begun, number))
        worst = {number for _, number in sorted(taken)[-WORST:]}
        by_size = [
            {number: text for number, text in enumerate(shapes(found.pattern, size)) if number in worst}
            for size in (SMALL, LARGE)
        ]
        for number in worst:
            assert_linear(work, *(texts[number] for texts in by_size))


def assert_linear(work: Callable[[Any], object], small: Any, large: Any) -> None:
    least = seconds(work, small)
    most = seconds(work, large, rounds=1)
    for _ in range(3):  # other programs only make it longer
        if most < NOTICED or most < MOST_TIMES * least:
            return
        most = min(most, seconds(work, large, rounds=1))
        least = max(least, seconds(work, small, rounds=1))
    raise AssertionError(f"{1000 * least:.1f} ms, {1000 * most:.1f} ms: {most / least:.0f} times, for {large[:60]!r}")


# A unit that is repeated, what stands before it and behind it: a text of the size that is wanted.
TEXTS = {
    "separators behind a denied parameter": ("token=1?", "&", "x"),
    "separators of two kinds": ("token=1?", "?&#", "x"),
    "many denied parameters": ("?", "token=1&", ""),
    "encoded parameters": ("%3F", "token%3D1%26", ""),
    "percent signs": ("?a%", "25", "3"),
    "parameters without a value": ("", "?a", ""),
    "cards": ("", "4111 1111 1111 1111 ", ""),
    "digits": ("", "1", "x"),
    "groups of digits": ("", "1 ", "x"),
    "e-mail addresses": ("", "a@b.example ", ""),
    "hosts that never end": ("a@", "a.", ""),
    "signs of e-mail addresses": ("", "a%40", ""),
    "addresses": ("", "203.0.113.7 ", ""),
    "hextets": ("", "2001:db8:", ""),
    "user information": ("https:", "//:", "@"),
    "tokens": ("", "eyJ", "."),
    "authorizations": ("Bearer", "+Basic", ""),
    "spaces": ("Basic", " ", "é"),
    "backslashes": ("", "\\", ""),
    "quotes": ("", '"', "["),
    "escaped quotes": ("", '\\"', "["),
    "openers": ("", "[{", ""),
    "fields of JSON": ("", '"token":"a",', ""),
    "names of JSON": ("", '"a"  ', ""),
    "combining marks": ("https://", "\u0345\u0334", "/"),
    "emoji": ("", "\U0001f600", ""),
    "slashes": ("https://a", "/", "?"),
    "line breaks": ("cp", "cp\n", "\n\n"),
    "silk": ("", "silk/", "mobile"),
    "digits of a number": ("0.", "1", ""),
    "time": ("2026-01-31T00:00:00.", "0", "Z"),
    "log": ('1.1.1.1 - - [01/Jan/2026:00:00:00 +0000] "GET /', "\\\\", '" 200 1'),
    "brackets of a log": ("", " [01/", ""),
    "tabs": ("", "\t", ""),
    "ids": ("", "a_id", "."),
}  # fmt: skip


def text_of(name: str, size: int) -> str:
    first, unit, last = TEXTS[name]
    return first + unit * ((size - len(first) - len(last)) // len(unit.encode())) + last


def quietly(work: Callable[[Any], object]) -> Callable[[Any], object]:
    """What is refused is an answer, too."""

    def tried(given: Any) -> None:
        with suppress(Invalid):
            work(given)

    return tried


def taken(body: bytes) -> object:
    """A batch on its way to the broker, as the application takes it."""
    try:
        batch = read_batch(body)
    except Invalid as error:
        batch = Batch([], faults=[Fault(str(error), body)])
    return take(SITE, NoSalts(), SENDER, batch.batch, None, batch)  # type: ignore[arg-type]


def scrubbed(anonymous: bool) -> Callable[[Any], object]:
    return lambda value: Scrubber(frozenset(), anonymous).scrub([{"a": [value], value: 1}], KEY)


def stamped(text: str) -> None:
    event = {"type": "page", "timestamp": text, "sentAt": text}
    ensure_message_id(event)
    stamp(event, 0)


def snowplow_line(text: str) -> bytes:
    row = dict.fromkeys(snowplow.COLUMNS, text)
    row |= {"event_id": "1", "event": "unstruct", "derived_tstamp": "2026-01-31 12:00:00", "tr_total": "1"}
    return "\t".join(value.replace("\t", " ") for value in row.values()).encode()


def ga4_line(text: str) -> bytes:
    parameters = [{"key": name, "value": {"string_value": text}} for name in ("page_location", "page_referrer", text)]
    row = {"event_name": text, "event_timestamp": "1769860800000000", "event_params": parameters, "items": [{}] * 9}
    return json.dumps(row).encode()


# What reads or changes what a sender wrote; each is given the text. The parts that come first make it longer.
ENTRIES: dict[str, Callable[[str], object]] = {
    "Scrubber.text": lambda text: Scrubber(frozenset(), False).text(text, "order_id", KEY),
    "Scrubber.scrub": scrubbed(False),
    "Scrubber.scrub, anonymous": scrubbed(True),
    "scrub_text": scrub_text,
    "scrub_text of JSON": lambda text: scrub_text(json.dumps({"a": [text]})),
    "plain": plain,
    "read_key": lambda text: read_key(text.encode()),
    "read_batch": lambda text: read_batch(text.encode()),
    "openers": lambda text: openers(text.encode()),
    "stamp": stamped,
    "a batch of no JSON": lambda text: taken(b'{"batch":[' + text.encode()),
    "a batch of an event that is too long": lambda text: taken(
        json.dumps({"batch": [{"type": "track", "event": text}]}).encode()
    ),
    "a context that all have": lambda text: taken(
        b'{"context":{"a":%b},"batch":[%b]}' % (
            json.dumps(text[: len(text) // 2]).encode(), b'{"type":"page"},' * (len(text) // 400) + b"{}"
        )
    ),
    "an access log": lambda text: access_log.parse(text.encode()),
    "a GA4 export": lambda text: ga4.parse(ga4_line(text)),
    "a Snowplow file": lambda text: snowplow.parse(snowplow_line(text[: len(text) // 100])),
    "a URL of an import": campaigns.page_of,
    "parameters of an import": campaigns.campaign,
    "an import's rules": lambda text: Rules(SITE).protected({"type": "page", "name": text}, 0, address="", agent=text),
    "a line that is none": lambda text: Rules(SITE).rejected(text.encode(), "reason"),
    "pseudonyms": lambda text: pseudonymous({"context": {"page": {"url": text}}, text: text}, KEY),
    "device_type": user_agents.device_type.__wrapped__,
    "bot_reason": bots.bot_reason.__wrapped__,
    "browser": parsed_agents.parsed.__wrapped__,
    "language_code": languages.language_code,
    "default_channel_group": lambda text: channels.default_channel_group.__wrapped__(text, text, text),
    "origin": lambda text: channels.origin.__wrapped__(text, text, None, None),
    "normalised": lambda text: pages.normalised.__wrapped__(text, ("q",)),
    "query": urls.query.__wrapped__,
    "host": urls.host.__wrapped__,
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_reads_a_text_takes_time_that_grows_with_its_length(entry: str) -> None:
    work = quietly(ENTRIES[entry])
    for name in TEXTS:
        with limited(name):
            assert_linear(work, text_of(name, SMALL), text_of(name, LARGE))
