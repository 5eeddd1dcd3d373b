"""Who the simulated visitors are: devices, places, ways in, a small shop with a blog, and the way through it.

A weight is a count of tickets in a draw; only its share of the sum means something.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

BOUNCE_SHARE = 0.4  # of people's visits
LEAVE_SHARE = 0.17  # of pages looked at
AWAY_SHARE = 0.02  # of times on a page: a break, mostly over 30 minutes


class Device(NamedTuple):
    """A browser on a device; the screen in CSS pixels."""

    weight: int
    user_agent: str
    width: int
    height: int


class Place(NamedTuple):
    """Where a visitor lives: BCP 47 locale and IANA time zone."""

    weight: int
    locale: str
    timezone: str


class Campaign(NamedTuple):
    """The five utm_ parameters, each under its Segment name; an empty one is left out."""

    source: str
    medium: str
    name: str
    term: str = ""
    content: str = ""


class Source(NamedTuple):
    """A way into the site: the referrer ('' for none), the landing paths, and the campaign where it is one."""

    weight: int
    referrer: str
    landings: tuple[str, ...]
    campaign: Campaign | None = None


class Page(NamedTuple):
    """A page as analytics.js sees it: URL, JSON of context.page, and whether the URL names a campaign."""

    url: str
    json: str
    has_campaign: bool


class Action(NamedTuple):
    """What a visitor does, wait ms after the last; the JSON of the properties, or of an identify's traits."""

    wait: int
    type: str
    name: str
    page: Page
    properties: str


class Product(NamedTuple):
    """Something to buy; the price in EUR."""

    id: str
    name: str
    category: str
    price: float


_CHROME, _SAFARI = "AppleWebKit/537.36 (KHTML, like Gecko)", "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS, _MAC = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)"
_IPAD = "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X)"

DEVICES = (
    Device(22, f"{_WINDOWS} {_CHROME} Chrome/142.0.0.0 Safari/537.36", 1920, 1080),
    Device(7, f"{_WINDOWS} {_CHROME} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", 1536, 864),
    Device(4, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0", 1920, 1080),
    Device(2, "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 2560, 1440),
    Device(6, f"{_MAC} {_SAFARI} Version/18.6 Safari/605.1.15", 1440, 900),
    Device(5, f"{_MAC} {_CHROME} Chrome/142.0.0.0 Safari/537.36", 1728, 1117),
    Device(24, f"{_ANDROID} {_CHROME} Chrome/142.0.0.0 Mobile Safari/537.36", 412, 915),
    Device(19, f"{_IPHONE} {_SAFARI} Version/18.6 Mobile/15E148 Safari/604.1", 393, 852),
    Device(4, f"{_ANDROID} {_CHROME} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", 384, 854),
    Device(4, f"{_IPAD} {_SAFARI} Version/17.6 Mobile/15E148 Safari/604.1", 820, 1180),
    Device(3, f"Mozilla/5.0 (Linux; Android 14; SM-X710) {_CHROME} Chrome/142.0.0.0 Safari/537.36", 800, 1280),
)  # fmt: skip

BOTS = (
    Device(5, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 412, 732),
    Device(3, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 1024, 768),
    Device(2, "Mozilla/5.0 (compatible; ExampleMonitor/1.4; +https://monitor.example.com/bot)", 1280, 720),
    Device(2, f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} HeadlessChrome/142.0.0.0 Safari/537.36", 800, 600),
)  # fmt: skip

PLACES = (
    Place(18, "en-US", "America/New_York"), Place(10, "en-US", "America/Los_Angeles"),
    Place(14, "en-GB", "Europe/London"), Place(20, "de-DE", "Europe/Berlin"),
    Place(4, "de-AT", "Europe/Vienna"), Place(9, "fr-FR", "Europe/Paris"),
    Place(6, "es-ES", "Europe/Madrid"), Place(5, "nl-NL", "Europe/Amsterdam"),
    Place(4, "sv-SE", "Europe/Stockholm"), Place(4, "pt-BR", "America/Sao_Paulo"),
    Place(3, "ja-JP", "Asia/Tokyo"), Place(3, "en-IN", "Asia/Kolkata"),
)  # fmt: skip

# The networks that RFC 5737 keeps for documentation: no visitor has an address in them.
NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")

PRODUCTS = (
    Product("T-100", "Ridge Tent", "tents", 289.0),
    Product("T-200", "Tarn Tent for Two", "tents", 419.0),
    Product("T-300", "Storm Tarp", "tents", 79.5),
    Product("P-100", "Day Pack 24", "packs", 94.0),
    Product("P-200", "Trek Pack 55", "packs", 189.0),
    Product("P-300", "Roll Bag", "packs", 39.9),
    Product("K-100", "Pocket Stove", "kitchen", 54.95),
    Product("K-200", "Café Press Mug", "kitchen", 29.95),
)

_POSTS = ("/blog/first-night-out", "/blog/packing-light", "/blog/coffee-at-altitude", "/blog/mending-a-zip")

# path: (name, what it links to; a path that stands there twice is taken twice as often)
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "/": ("Home", ("/tents", "/packs", "/kitchen", "/sale", "/search", "/blog", "/tents", "/about")),
    "/tents": ("Tents", ("/p/t-100", "/p/t-200", "/p/t-300", "/p/t-100", "/packs")),
    "/packs": ("Packs", ("/p/p-100", "/p/p-200", "/p/p-300", "/p/p-200", "/tents")),
    "/kitchen": ("Kitchen", ("/p/k-100", "/p/k-200", "/p/k-100", "/")),
    "/sale": ("Sale", ("/p/t-300", "/p/p-300", "/p/k-200", "/p/p-100")),
    "/p/t-100": ("Ridge Tent", ("/p/t-200", "/tents", "/blog/first-night-out", "/shipping")),
    "/p/t-200": ("Tarn Tent for Two", ("/p/t-100", "/tents", "/shipping")),
    "/p/t-300": ("Storm Tarp", ("/tents", "/sale", "/p/p-300")),
    "/p/p-100": ("Day Pack 24", ("/p/p-200", "/packs", "/p/k-200")),
    "/p/p-200": ("Trek Pack 55", ("/p/p-100", "/packs", "/blog/packing-light", "/shipping")),
    "/p/p-300": ("Roll Bag", ("/packs", "/sale")),
    "/p/k-100": ("Pocket Stove", ("/p/k-200", "/kitchen", "/blog/coffee-at-altitude")),
    "/p/k-200": ("Café Press Mug", ("/p/k-100", "/kitchen", "/sale")),
    "/search": ("Search", ("/p/t-100", "/p/p-200", "/p/k-100", "/p/p-300", "/search")),
    "/cart": ("Cart", ("/", "/tents", "/packs", "/shipping")),
    "/checkout": ("Checkout", ("/cart", "/shipping")),
    "/thanks": ("Thanks", ("/", "/signup", "/blog")),
    "/blog": ("Blog", _POSTS),
    "/blog/first-night-out": ("A First Night Out", ("/blog", "/tents", "/p/t-100", "/signup", "/blog/packing-light")),
    "/blog/packing-light": ("Packing Light", ("/blog", "/packs", "/p/p-200", "/signup", "/blog/mending-a-zip")),
    "/blog/coffee-at-altitude": ("Coffee at Altitude", ("/blog", "/p/k-100", "/p/k-200", "/signup")),
    "/blog/mending-a-zip": ("Mending a Zip", ("/blog", "/", "/signup")),
    "/signup": ("Sign Up", ("/", "/blog", "/sale")),
    "/about": ("About Us", ("/", "/blog", "/shipping", "/signup")),
    "/shipping": ("Shipping & Returns", ("/", "/cart", "/tents", "/packs")),
}  # fmt: skip

SEARCHES = ("tent", "tent 2 person", "stove", "backpack 50l", "café", "rain cover", "roll bag", "zip repair")

_GOODS = ("/tents", "/packs", "/kitchen", "/p/t-100", "/p/p-200", "/p/k-100")

_GOOGLE, _BING = "https://www.google.com/", "https://www.bing.com/"

SOURCES = (
    Source(26, "", ("/", "/", "/", "/tents", "/blog")),
    Source(24, _GOOGLE, ("/", "/", *_GOODS, *_POSTS)),
    Source(4, _BING, ("/", *_GOODS)),
    Source(4, "https://www.facebook.com/", (*_POSTS, "/sale")),
    Source(3, "https://www.reddit.com/", _POSTS),
    Source(2, "https://t.co/", ("/", *_POSTS)),
    Source(4, "https://hikers.example.org/reviews", ("/p/t-100", "/p/p-200")),
    Source(6, "", ("/blog/packing-light", "/sale"), Campaign("newsletter", "email", "weekly", "", "top_story")),
    Source(4, "", ("/sale",), Campaign("newsletter", "email", "autumn_sale", "", "button")),
    Source(7, _GOOGLE, ("/tents", "/p/t-100"), Campaign("google", "cpc", "tents", "light tent", "ad_a")),
    Source(4, _GOOGLE, ("/packs", "/p/p-200"), Campaign("google", "cpc", "packs", "trek pack", "ad_b")),
    Source(3, _BING, ("/", "/tents"), Campaign("bing", "cpc", "brand", "example outdoor")),
    Source(5, "https://l.instagram.com/", ("/sale",), Campaign("instagram", "paid_social", "autumn_sale", "", "video")),
    Source(3, "https://news.example.net/", ("/",), Campaign("news", "display", "brand", "", "banner_300x250")),
    Source(1, "https://partner.example.net/", ("/kitchen",), Campaign("partner", "affiliate", "stoves")),
)

# Visits started in each hour of the day, UTC, against each other.
HOURS = (30, 20, 14, 10, 8, 10, 18, 34, 58, 80, 98, 104, 96, 84, 78, 76, 80, 88, 102, 116, 120, 104, 76, 48)

NAMES = ("Ada", "Björn", "Chloé", "Dara", "Emre", "Freya", "Goran", "Hana", "Íñigo", "Jonas", "Kōji", "Łucja")

GARBAGE = (b"<html><h1>502 Bad Gateway</h1></html>", b"type=page&anonymousId=1", b"undefined", b"\xff\xfe\x00\x01", b"")
GARBAGE_TIMES = ("yesterday", "1764000000", "2026-02-30T25:61:00.000Z", "24.11.2025 17:03", "")

_PRODUCT_OF = {f"/p/{product.id.lower()}": product for product in PRODUCTS}
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def crawl(rng: random.Random, url: str) -> Iterator[Action]:
    """A bot takes one page of the site at url after the other, as if a metronome ran."""
    paths, wait = list(PAGES), rng.randint(800, 3000)
    place = rng.randrange(len(paths))
    for number in range(rng.randint(5, 30)):
        path = paths[(place + number) % len(paths)]
        yield _view(wait if number else 0, path, _page(url, path))


def browse(rng: random.Random, url: str, source: Source, user_id: str, can_sign_up: bool) -> Iterator[Action]:
    """A person looks at a page, does something there or nothing, and goes on until the interest is gone."""
    path, cart = rng.choice(source.landings), list[Product]()
    page = _page(url, path, campaign_search(source.campaign), source.referrer, source.campaign is not None)
    yield _view(0, path, page)
    if rng.random() < BOUNCE_SHARE:
        return
    while True:
        product = _PRODUCT_OF.get(path)
        if path == "/thanks" and cart:
            yield _track(200, "Order Completed", page, _order(rng, cart))
            cart.clear()
        elif path == "/signup" and can_sign_up and rng.random() < 0.5:
            can_sign_up = False
            traits = {"email": f"{user_id}@example.com", "firstName": rng.choice(NAMES), "plan": "free"}
            yield Action(_dwell(rng), "identify", "", page, _encode(traits))
            yield _track(40, "Signed Up", page, {"plan": "free"})
        elif (product or path.startswith("/blog/")) and rng.random() < 0.35:
            yield _track(_dwell(rng) // 2, "Scroll Depth", page, {"percent": rng.choice((25, 50, 75, 100))})
        if product and rng.random() < 0.25:
            cart.append(product)
            yield _track(_dwell(rng), "Product Added", page, {**_properties(product), "quantity": 1})
        if rng.random() < LEAVE_SHARE:
            return
        before, path = path, _follow(rng, path, cart)
        wait, product = _dwell(rng), _PRODUCT_OF.get(path)
        if product and before not in _PRODUCT_OF:
            yield _track(wait, "Product Clicked", page, {**_properties(product), "position": rng.randint(1, 12)})
            wait = rng.randint(150, 1500)
        search = "?" + urlencode({"q": rng.choice(SEARCHES)}) if path == "/search" else ""
        page = _page(url, path, search, page.url)
        yield _view(wait, path, page)


@lru_cache
def campaign_search(campaign: Campaign | None) -> str:
    """The query string that a link of the campaign has, ? included."""
    if not campaign:
        return ""
    names = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    return "?" + urlencode([(name, text) for name, text in zip(names, campaign, strict=True) if text])


def _follow(rng: random.Random, path: str, cart: list[Product]) -> str:
    if cart:
        chance = rng.random()
        if path == "/checkout" and chance < 0.7:
            return "/thanks"
        if path == "/cart" and chance < 0.6:
            return "/checkout"
        if path in _PRODUCT_OF and chance < 0.5:
            return "/cart"
    return rng.choice(PAGES[path][1])


def _view(wait: int, path: str, page: Page) -> Action:
    return Action(wait, "page", PAGES[path][0], page, page.json)


def _track(wait: int, name: str, page: Page, properties: dict[str, Any]) -> Action:
    return Action(wait, "track", name, page, _encode(properties))


@lru_cache(maxsize=4096)
def _page(url: str, path: str, search: str = "", referrer: str = "", has_campaign: bool = False) -> Page:
    at, title = f"{url}{path}{search}", f"{PAGES[path][0]} | Outdoor"
    page = {"path": path, "url": at, "title": title, "referrer": referrer, "search": search}
    return Page(at, _encode(page), has_campaign)


def _order(rng: random.Random, cart: list[Product]) -> dict[str, Any]:
    return {
        "order_id": f"o_{rng.getrandbits(40):010x}",
        "revenue": round(sum(item.price for item in cart), 2),
        "currency": "EUR",
        "products": [{"product_id": item.id, "price": item.price, "quantity": 1} for item in cart],
    }


def _properties(product: Product) -> dict[str, Any]:
    return {"product_id": product.id, "name": product.name, "category": product.category, "price": product.price}


def _dwell(rng: random.Random) -> int:
    """ms on a page: half of the visitors stay under 20 s."""
    if rng.random() < AWAY_SHARE:
        return int(rng.lognormvariate(8.0, 0.5) * 1000)
    return int(rng.lognormvariate(3.0, 1.1) * 1000) + 500
