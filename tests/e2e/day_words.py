"""What user agents, campaigns and referrers of the simulated visitors stand for: written down by hand, one by one."""

from __future__ import annotations

# Of a user agent: device, browser, its version, system, why it is a program's.
_CHROME, _SAFARI = "AppleWebKit/537.36 (KHTML, like Gecko)", "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS, _MAC = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
AGENTS: dict[str, tuple[str, str, str | None, str | None, str | None]] = {
    f"{_WINDOWS} {_CHROME} Chrome/142.0.0.0 Safari/537.36": ("desktop", "Chrome", "142", "Windows", None),
    f"{_WINDOWS} {_CHROME} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": ("desktop", "Edge", "142", "Windows", None),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0": (
        "desktop", "Firefox", "144", "Windows", None,
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0": (
        "desktop", "Firefox", "144", "Linux", None,
    ),
    f"{_MAC} {_SAFARI} Version/18.6 Safari/605.1.15": ("desktop", "Safari", "18", "Mac OS X", None),
    f"{_MAC} {_CHROME} Chrome/142.0.0.0 Safari/537.36": ("desktop", "Chrome", "142", "Mac OS X", None),
    f"{_ANDROID} {_CHROME} Chrome/142.0.0.0 Mobile Safari/537.36": ("mobile", "Chrome Mobile", "142", "Android", None),
    f"{_ANDROID} {_CHROME} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": (
        "mobile", "Samsung Internet", "28", "Android", None,
    ),
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_SAFARI} Version/18.6 Mobile/15E148 Safari/604.1": (
        "mobile", "Mobile Safari", "18", "iOS", None,
    ),
    f"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) {_SAFARI} Version/17.6 Mobile/15E148 Safari/604.1": (
        "tablet", "Mobile Safari", "17", "iOS", None,
    ),
    f"Mozilla/5.0 (Linux; Android 14; SM-X710) {_CHROME} Chrome/142.0.0.0 Safari/537.36": (
        "tablet", "Chrome", "142", "Android", None,
    ),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": (
        "other", "Googlebot", "2", None, "declared bot",
    ),
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)": (
        "other", "bingbot", "2", None, "declared bot",
    ),
    # uap-core reads the last part of the address as the robot's name
    "Mozilla/5.0 (compatible; ExampleMonitor/1.4; +https://monitor.example.com/bot)": (
        "other", "com/bot", None, None, "monitoring",
    ),
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} HeadlessChrome/142.0.0.0 Safari/537.36": (
        "other", "HeadlessChrome", "142", "Linux", "headless browser",
    ),
}  # fmt: skip
# The channel of a campaign's source and medium; source, medium and channel of a referrer's host.
PAID = {
    ("newsletter", "email"): "Email", ("google", "cpc"): "Paid Search", ("bing", "cpc"): "Paid Search",
    ("instagram", "paid_social"): "Paid Social", ("news", "display"): "Display",
    ("partner", "affiliate"): "Affiliates",
}  # fmt: skip
REFERRERS = {
    "www.google.com": ("google.com", "organic", "Organic Search"),
    "www.bing.com": ("bing.com", "organic", "Organic Search"),
    "www.facebook.com": ("facebook.com", "referral", "Organic Social"),
    "www.reddit.com": ("reddit.com", "referral", "Organic Social"),
    "t.co": ("t.co", "referral", "Organic Social"),
    "hikers.example.org": ("hikers.example.org", "referral", "Referral"),
}
