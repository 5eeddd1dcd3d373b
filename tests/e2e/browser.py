"""What tests of the tracker share: pages that carry it, tabs, and words for what arrived."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from footfall.settings import ROOT

from .recorder import Event, Site

DOCS = (ROOT / "docs" / "tracking-script.md").read_text()
STUB: str = re.findall(r"^<script>.*</script>$", DOCS, re.MULTILINE)[0]
Arrived = Callable[..., list[Event]]


@dataclass
class Shop:
    """A site whose pages carry the tracker."""

    site: Site
    collector: str
    key: str = "key"

    def add(self, path: str, body: str = "", before: str = "", **attributes: str) -> str:
        """Make a page, whose title is its path; returns its address. `before` is the HTML ahead of the script."""
        given = "".join(f' data-{name}="{value}"' for name, value in attributes.items())
        script = f'<script defer src="{self.collector}/footfall.js" data-key="{self.key}"{given}></script>'
        self.site.pages[path] = f"<!doctype html><title>{path}</title>{before}{script}<body>{body}"
        return self.url(path)

    def url(self, path: str, host: str = "shop.test") -> str:
        return f"http://{host}:{self.site.server.port}{path}"


class Tabs:
    """Tabs of one window, as a visitor has them: Playwright's own are never hidden."""

    def __init__(self, browser: Any) -> None:
        self.session = browser.new_browser_cdp_session()
        self.profile: str = self.session.send("Target.createBrowserContext")["browserContextId"]
        self.open("about:blank")

    def open(self, url: str, *, background: bool = False) -> str:
        where = {"url": url, "browserContextId": self.profile, "background": background}
        target: str = self.session.send("Target.createTarget", where)["targetId"]
        return target

    def show(self, tab: str) -> None:
        self.session.send("Target.activateTarget", {"targetId": tab})

    def close(self, tab: str) -> None:
        self.session.send("Target.closeTarget", {"targetId": tab})


def name(event: Event) -> str:
    """What an event is called here: the name of a track event, else the type."""
    return str(event.get("event") or event["type"])


def named(found: list[Event], wanted: str) -> list[Event]:
    return [event for event in found if name(event) == wanted]


def paths(found: list[Event]) -> list[str]:
    """The pages that were viewed."""
    return [event["context"]["page"]["path"] for event in named(found, "page")]


def properties(found: list[Event], wanted: str) -> list[dict[str, Any]]:
    return [event["properties"] for event in named(found, wanted)]


def call(page: Any, function: str, *arguments: object) -> None:
    """Call a function of the tracker."""
    page.evaluate(f"footfall.{function}(...{json.dumps(arguments)})")
