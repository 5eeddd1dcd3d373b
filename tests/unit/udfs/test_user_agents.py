"""Device, browser, system and bots, from what browsers, apps and programs really send."""

from __future__ import annotations

import pytest

from udfs.bots import bot_reason
from udfs.user_agents import browser, browser_version, device_type, operating_system

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Safari/605.1.15"


@pytest.mark.parametrize(
    ("ua", "expected"),
    [
        (WINDOWS, ("desktop", "Chrome", "142", "Windows")),
        (f"{WINDOWS} Edg/142.0.0.0", ("desktop", "Edge", "142", "Windows")),
        (LINUX, ("desktop", "Firefox", "144", "Linux")),
        (MAC, ("desktop", "Safari", "18", "Mac OS X")),
        (IPHONE, ("mobile", "Mobile Safari", "18", "iOS")),
        (ANDROID, ("mobile", "Chrome Mobile", "142", "Android")),
        (IPAD, ("tablet", "Mobile Safari", "18", "iOS")),
    ],
)
def test_a_browser_tells_device_name_version_and_system(ua: str, expected: tuple[str, ...]) -> None:
    assert (device_type(ua), browser(ua), browser_version(ua), operating_system(ua)) == expected
    assert bot_reason(ua) is None


@pytest.mark.parametrize(
    ("ua", "expected"),
    [
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "desktop"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X710) {CHROME} Safari/537.36", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 11; Pixel C) {CHROME} Safari/537.36", "tablet"),
        ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230901.001)", "mobile"),
        ("okhttp/4.12.0", "mobile"),
        ("Mozilla/5.0 (Mobile; Nokia 2780; rv:84.0) Gecko/84.0 Firefox/84.0 KAIOS/3.1", "mobile"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) TV Safari/538.1", "tv"),
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Safari/537.36", "tv"),
        (f"Mozilla/5.0 (Linux; Android 9; AFTMM) {CHROME} Mobile Safari/537.36", "tv"),
        (f"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) {SAFARI} Safari/605.1.15", "console"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) {CHROME} Safari/537.36", "console"),
        ("Mozilla/5.0 (Apple Watch; CPU WatchOS 10_0 like Mac OS X)", "wearable"),
        ("nobody knows this", "other"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "other"),
    ],
)  # fmt: skip
def test_a_device_has_a_type(ua: str, expected: str) -> None:
    assert device_type(ua) == expected


@pytest.mark.parametrize(
    ("ua", "reason"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "declared bot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "declared bot"),
        ("Mozilla/5.0 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "declared bot"),
        ("Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", "declared bot"),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0)", "declared bot"),
        ("facebookexternalhit/1.1", "declared bot"),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "declared bot"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/142.0.0.0 Safari/537.36", "headless browser"),
        ("Mozilla/5.0 (Unknown; Linux) PhantomJS/2.1.1 Safari/538.1", "headless browser"),
        ("curl/8.5.0", "HTTP library"),
        ("python-requests/2.32", "HTTP library"),
        ("Go-http-client/2.0", "HTTP library"),
        ("Mozilla/5.0 (compatible; ExampleMonitor/1.4; +https://monitor.example.com/bot)", "monitoring"),
        ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "monitoring"),
        (f"{WINDOWS} Chrome-Lighthouse", "monitoring"),
    ],
)  # fmt: skip
def test_a_program_is_a_bot_with_a_reason(ua: str, reason: str) -> None:
    assert bot_reason(ua) == reason


def test_a_phone_whose_name_ends_in_bot_is_none() -> None:
    assert bot_reason(f"Mozilla/5.0 (Linux; Android 12; CUBOT P60) {CHROME} Mobile Safari/537.36") is None


@pytest.mark.parametrize("ua", [None, ""])
def test_without_a_user_agent_nothing_is_known_and_nobody_is_a_bot(ua: str | None) -> None:
    assert (device_type(ua), browser(ua), browser_version(ua), operating_system(ua), bot_reason(ua)) == (None,) * 5


@pytest.mark.parametrize("ua", ["\0", "\ud800", "(" * 2000, "Mozilla/5.0 " * 500, "\U0001f600", " ", "x" * 100_000])
def test_no_text_is_an_error(ua: str) -> None:
    for function in (device_type, browser, browser_version, operating_system, bot_reason):
        assert isinstance(function(ua), str | None)
