"""What a user agent says of the device: its type, browser and operating system.

Browsers and systems are those of ua-parser's rules (uap-core), device types are decided here. What no text can
say is not guessed: an iPad in its desktop mode sends a Mac's user agent, and counts as a desktop.
"""

from __future__ import annotations

import re
from functools import lru_cache

from udfs.bots import bot_reason
from udfs.parsed_agents import CACHED, LONGEST, parsed

# Words of the user agent, the first rule that finds one decides.
_DEVICE_TYPES = (
    ("tv", r"smart-?tv|\btv\b|apple ?tv|google ?tv|hbbtv|netcast|web0s|bravia|viera|roku|\bcrkey\b|\baft[a-z]+\b"),
    ("console", r"playstation|xbox|nintendo"),
    ("wearable", r"watch"),
    ("tablet", r"ipad|tablet|kindle|playbook|\A(?>.*\bsilk/)(?!.*mobile)|\bsm-[tx]\d|\bpad\b|\btab\b"),
    ("mobile", r"iphone|ipod|mobile|windows phone|kaios|blackberry|\bbb10\b|opera mini|dalvik|okhttp"),
    ("tablet", r"android"),  # a browser on Android says Mobile, but on a tablet
)  # fmt: skip
_DEVICE_TYPE = tuple((name, re.compile(words, re.IGNORECASE)) for name, words in _DEVICE_TYPES)
_DESKTOP = re.compile(r"windows nt|macintosh|mac os x|x11|linux|cros", re.IGNORECASE)


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
    found = parsed(ua)
    return found.user_agent.family if found and found.user_agent else None


def browser_version(ua: str | None) -> str | None:
    """The browser's major version, such as 142; None where there is none."""
    found = parsed(ua)
    return found.user_agent.major if found and found.user_agent else None


def operating_system(ua: str | None) -> str | None:
    """Windows, Mac OS X, iOS, Android, …: the family in ua-parser's words; None where it knows none."""
    found = parsed(ua)
    return found.os.family if found and found.os else None
