"""What a user agent says of the device: its type, browser and operating system, and whether a program sent it.

Browsers and systems are those of ua-parser's rules (uap-core), device types and bots are decided here. What no text can
say is not guessed: an iPad in its desktop mode sends a Mac's user agent, and counts as a desktop.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ua_parser import Result, parse

CACHED = 8192  # user agents; a site sees some thousands
LONGEST = 1000  # characters that are looked at

# Words of the user agent, the first rule that finds one decides.
_DEVICE_TYPES = (
    ("tv", r"smart-?tv|\btv\b|apple ?tv|google ?tv|hbbtv|netcast|web0s|bravia|viera|roku|\bcrkey\b|\baft[a-z]+\b"),
    ("console", r"playstation|xbox|nintendo"),
    ("wearable", r"watch"),
    ("tablet", r"ipad|tablet|kindle|playbook|\bsilk/(?!.*mobile)|\bsm-[tx]\d|\bpad\b|\btab\b"),
    ("mobile", r"iphone|ipod|mobile|windows phone|kaios|blackberry|\bbb10\b|opera mini|dalvik|okhttp"),
    ("tablet", r"android"),  # a browser on Android says Mobile, but on a tablet
)  # fmt: skip
_DEVICE_TYPE = tuple((name, re.compile(words, re.IGNORECASE)) for name, words in _DEVICE_TYPES)
_DESKTOP = re.compile(r"windows nt|macintosh|mac os x|x11|linux|cros", re.IGNORECASE)

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
def device_type(ua: str | None) -> str | None:
    """desktop, mobile, tablet, tv, console, wearable, or other (a program, or unknown); None without a text."""
    if not ua:
        return None
    if bot_reason(ua):
        return "other"
    ua = ua[:LONGEST]
    for name, words in _DEVICE_TYPE:
        if words.search(ua):
            return name
    return "desktop" if _DESKTOP.search(ua) else "other"


def browser(ua: str | None) -> str | None:
    """Chrome, Mobile Safari, Firefox, …: the family in ua-parser's words; None where it knows none."""
    found = _parsed(ua)
    return found.user_agent.family if found and found.user_agent else None


def browser_version(ua: str | None) -> str | None:
    """The browser's major version, such as 142; None where there is none."""
    found = _parsed(ua)
    return found.user_agent.major if found and found.user_agent else None


def operating_system(ua: str | None) -> str | None:
    """Windows, Mac OS X, iOS, Android, …: the family in ua-parser's words; None where it knows none."""
    found = _parsed(ua)
    return found.os.family if found and found.os else None


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
    found = _parsed(ua)
    return "declared bot" if found and found.device and found.device.family == "Spider" else None


@lru_cache(CACHED)
def _parsed(ua: str | None) -> Result | None:
    if not ua:
        return None
    return parse(ua[:LONGEST].encode(errors="replace").decode())  # half a character, which JSON may hold, is no UTF-8
