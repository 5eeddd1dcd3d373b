"""Where a visit comes from: its source and medium, and the channel that they belong to.

The channel is the default channel group of Google Analytics 4, by its published rules in their order
(https://support.google.com/analytics/answer/9756891). Google's lists of sources are long and change; ours are in
sources.csv beside this file, to be edited. channel_rules.csv has rules of your own, which come first.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from udfs import urls

HERE = Path(__file__).parent
CATEGORIES = ("search", "social", "video", "shopping", "other")
DIRECT, NONE = "(direct)", "(none)"
CACHED = 8192  # combinations
LABELS = 8  # of a host, its last ones: no source in the list has as many

# Parameters that an advertising system puts into the addresses that it leads to. fbclid is in unpaid links, too.
CLICK_IDS = {
    "gclid": ("google", "cpc"), "gbraid": ("google", "cpc"), "wbraid": ("google", "cpc"),
    "dclid": ("google", "display"), "msclkid": ("bing", "cpc"), "ttclid": ("tiktok", "paid_social"),
    "twclid": ("twitter", "paid_social"), "li_fat_id": ("linkedin", "paid_social"),
}  # fmt: skip

# Google's expressions begin and end with .*, which takes the square of a text's length to fail; a search says the same.
_PAID = re.compile(r"cp|^ppc$|^retargeting$|^paid")
_SHOPPING_CAMPAIGN = re.compile(r"(?:[^a-df-z]|^)shop|shopping")
_EMAIL = re.compile(r"^(email|e-mail|e_mail|e mail)$")
_SOCIAL_MEDIA = ("social", "social-network", "social-media", "sm", "social network", "social media")
_DISPLAY_MEDIA = ("display", "banner", "expandable", "interstitial", "cpm")

Rule = Callable[[str, str, str, str | None], object]
# Each with source, medium, campaign in small letters, and the category of the source. The first that holds decides.
_RULES: tuple[tuple[str, Rule], ...] = (
    ("Direct", lambda s, m, c, k: s == DIRECT and m in ("(not set)", NONE)),
    ("Cross-network", lambda s, m, c, k: "cross-network" in c),
    ("Paid Shopping", lambda s, m, c, k: (k == "shopping" or _SHOPPING_CAMPAIGN.search(c)) and _PAID.search(m)),
    ("Paid Search", lambda s, m, c, k: k == "search" and _PAID.search(m)),
    ("Paid Social", lambda s, m, c, k: k == "social" and _PAID.search(m)),
    ("Paid Video", lambda s, m, c, k: k == "video" and _PAID.search(m)),
    ("Display", lambda s, m, c, k: m in _DISPLAY_MEDIA),
    ("Paid Other", lambda s, m, c, k: _PAID.search(m)),
    ("Organic Shopping", lambda s, m, c, k: k == "shopping" or _SHOPPING_CAMPAIGN.search(c)),
    ("Organic Social", lambda s, m, c, k: k == "social" or m in _SOCIAL_MEDIA),
    ("Organic Video", lambda s, m, c, k: k == "video" or "video" in m),
    ("Organic Search", lambda s, m, c, k: k == "search" or m == "organic"),
    ("Referral", lambda s, m, c, k: m in ("referral", "app", "link")),
    ("Email", lambda s, m, c, k: _EMAIL.match(s) or _EMAIL.match(m)),
    ("Affiliates", lambda s, m, c, k: m == "affiliate"),
    ("Audio", lambda s, m, c, k: m == "audio"),
    ("SMS", lambda s, m, c, k: s == "sms" or m == "sms"),
    (
        "Mobile Push Notifications",
        lambda s, m, c, k: m.endswith("push") or "mobile" in m or "notification" in m or s == "firebase",
    ),
)


@lru_cache(CACHED)
def default_channel_group(source: str | None, medium: str | None, campaign: str | None) -> str:
    """The channel of a visit: Direct, Organic Search, Paid Social, …; Unassigned where no rule holds.

    Without source and medium, the visit is direct. Small and capital letters are the same. The first of your own rules
    that holds decides, then Google's. Raises ValueError, with file and line, where a list can't be read.
    """
    source, medium = (source or "").strip().lower() or DIRECT, (medium or "").strip().lower() or NONE
    campaign = (campaign or "").strip().lower()
    for channel, patterns in _own_rules():
        if all(pattern.search(text) for pattern, text in zip(patterns, (source, medium, campaign), strict=True)):
            return channel
    category = source_category(source)
    return next((channel for channel, holds in _RULES if holds(source, medium, campaign, category)), "Unassigned")


@lru_cache(CACHED)
def source_category(source: str | None) -> str | None:
    """search, social, video, shopping, or other (listed as none of these); None for a source that is not listed.

    A source is a name (google) or a host (www.google.de, m.facebook.com): of a host, each end of it is looked up, and
    the name before a country's ending.
    """
    known, name = _sources(), (source or "").strip().lower().removeprefix("www.")
    labels = name.rsplit(".", LABELS)[-LABELS:]
    for first in range(len(labels)):
        if found := known.get(".".join(labels[first:])):
            return found
    # google.co.uk, amazon.de, ebay.com.au: the name alone, where all that follows it is a country's ending
    for first in range(len(labels) - 1):
        ending = labels[first + 1 :]
        if len(ending[-1]) == 2 and (ending[:-1] in ([], ["co"], ["com"])):
            return known.get(labels[first])
    return None


def traffic_source(url: str | None, referrer: str | None, utm_source: str | None, utm_medium: str | None) -> str:
    """Where a visit comes from that lands on url: see origin."""
    return origin(url, referrer, utm_source, utm_medium)[0]


def traffic_medium(url: str | None, referrer: str | None, utm_source: str | None, utm_medium: str | None) -> str:
    """How a visit comes that lands on url: see origin."""
    return origin(url, referrer, utm_source, utm_medium)[1]


@lru_cache(CACHED)
def origin(url: str | None, referrer: str | None, utm_source: str | None, utm_medium: str | None) -> tuple[str, str]:
    """Source and medium as Google Analytics has them: of the campaign, else of a click id, else of the referrer.

    A campaign that names no medium, or no source, has "(not set)" there. A referrer is organic where it is a search
    engine, else a referral; the site itself is none. Nothing of all that: (direct), (none).
    """
    if utm_source or utm_medium:
        return utm_source or "(not set)", utm_medium or "(not set)"
    parameters = urls.query(url)
    for name, found in CLICK_IDS.items():
        if name in parameters:
            return found
    host = urls.host(referrer)
    if not host or host == urls.host(url):
        return DIRECT, NONE
    return host, "organic" if source_category(host) == "search" else "referral"


@lru_cache(1)
def _sources() -> dict[str, str]:
    known: dict[str, str] = {}
    for place, (source, category) in _rows(HERE / "sources.csv", ["source", "category"]):
        if category not in CATEGORIES:
            raise ValueError(f"{place}: category is {category!r}, not one of {', '.join(CATEGORIES)}")
        if source.count(".") >= LABELS:
            raise ValueError(f"{place}: {source} has more than {LABELS} parts")
        known.setdefault(source.lower(), category)
    return known


@lru_cache(1)
def _own_rules() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    rules = []
    for place, (channel, *patterns) in _rows(HERE / "channel_rules.csv", ["channel", "source", "medium", "campaign"]):
        try:
            rules.append((channel, tuple(re.compile(pattern) for pattern in patterns)))
        except re.error as error:
            raise ValueError(f"{place}: {error.pattern!r} is no regular expression: {error}") from error
    return tuple(rules)


def _rows(path: Path, header: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Place and fields of each line below the header that is not empty and no comment."""
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            fields = [field.strip() for field in row]
            if not any(fields) or fields[0].startswith("#"):
                continue
            place = f"{path.name}:{number}"
            if header:
                if fields != header:
                    raise ValueError(f"{place}: begins with {','.join(fields)}, not {','.join(header)}")
                header, width = [], len(header)
                continue
            if len(fields) != width or not fields[0]:
                raise ValueError(f"{place}: has {len(fields)} fields, not {width}, or an empty first one")
            yield place, fields
