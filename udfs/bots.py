"""Whether a user agent is a bot's: the first of the rules by which a visit counts as a program's.

The others need more than a user agent: sql/jobs/sessions.sql has networks of data centres and visits that are too fast,
sql/postgres/functions/classify_bot.sql those that come like clockwork. docs/definitions.md has all of them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from udfs.parsed_agents import CACHED, LONGEST, parsed

# What makes it a program's. Libraries that apps send with (okhttp, CFNetwork, Dart) are not among them.
_BOTS = (
    ("headless browser", r"headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver|cypress"),
    ("monitoring", r"pingdom|uptime|statuscake|site24x7|lighthouse|page ?speed|gtmetrix|webpagetest|synthetic|monitor"),
    (
        "HTTP library",
        r"^(curl|wget|libcurl|python|aiohttp|httpx|scrapy|go-http-client|java/|apache-httpclient|axios|node|undici"
        r"|got \(|libwww-perl|lwp|ruby|faraday|php|guzzlehttp|postmanruntime|insomnia|httpie|rest-client|colly)",
    ),
    ("declared bot", r"(?<!cu)bot\b|bot[/;_-]|crawl|spider|slurp|scrape|\+https?://|facebookexternalhit|\bpreview\b"),
)
_BOT = tuple((reason, re.compile(words, re.IGNORECASE)) for reason, words in _BOTS)


@lru_cache(CACHED)
def bot_reason(ua: str | None) -> str | None:
    """Why the sender is taken for a program; None for a person's browser or app, and without a text.

    One of headless browser, monitoring, HTTP library, declared bot.
    """
    if not ua:
        return None
    for reason, words in _BOT:
        if words.search(ua[:LONGEST]):
            return reason
    found = parsed(ua)
    return "declared bot" if found and found.device and found.device.family == "Spider" else None
