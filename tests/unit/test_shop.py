"""The demo's shop: its pages carry the tracker, lead to one another, and are served with a key of their own."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import pytest

from footfall.commands.site import STUB
from footfall.demo import shop
from footfall.demo.demo import Act, act_of

PAGES = {path: file.read_text() for path, file in shop.files().items() if file.suffix == ".html"}


def test_there_are_a_start_goods_a_cart_and_a_thank_you() -> None:
    assert {"/", "/cart", "/thanks"} <= PAGES.keys()
    assert len([path for path in PAGES if path.startswith("/p/")]) >= 2


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_snippet_and_leads_only_to_what_is_there(path: str) -> None:
    assert STUB in PAGES[path]
    assert f'src="{shop.COLLECTOR}/footfall.js" data-key="{shop.WRITE_KEY}"' in PAGES[path]
    for target in re.findall(r'(?:href|src)="([^"#]+)', PAGES[path]):
        assert target in shop.files() or target == f"{shop.COLLECTOR}/footfall.js", target


def test_pages_are_served_with_the_collector_and_key_of_the_demo() -> None:
    asked: list[list[str]] = []
    with shop.serve("http://127.0.0.1:9", lambda origins: asked.append(origins) or "key-1") as address:  # type: ignore[func-returns-value]
        with urllib.request.urlopen(f"{address}/?utm_source=x", timeout=10) as answer:
            text = answer.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/../setup.py", timeout=10)
    assert 'src="http://127.0.0.1:9/footfall.js" data-key="key-1"' in text
    assert address in asked[0]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=10)


@pytest.mark.parametrize(
    ("value", "act"),
    [
        (
            b'{"type":"track","event":"Element Clicked","timestamp":"2026-01-31T12:34:56.000Z",'
            b'"properties":{"element":"buy"},"context":{"library":{"name":"footfall.js"},"page":{"path":"/cart"}}}',
            Act("12:34:56", "Element Clicked buy", "/cart"),
        ),
        (
            b'{"type":"track","event":"Page Engaged","timestamp":"2026-01-31T12:34:56.000Z","properties":'
            b'{"non_interaction":true},"context":{"library":{"name":"footfall.js"},"page":{"path":"/"}}}',
            None,
        ),
        (b'{"type":"heartbeat"}', None),
        (b'{"type":"page","context":{"library":{"name":"analytics.js"}}}', None),
        (b"no JSON", None),
        (b"[]", None),
        (None, None),
    ],
)
def test_what_browsers_do_is_reported_and_nothing_else(value: bytes | None, act: Act | None) -> None:
    assert act_of(value) == act
