"""Source, medium and channel: Google Analytics 4's published rules, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from udfs import channels
from udfs.channels import default_channel_group, origin, source_category


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "channel"),
    [
        (None, None, None, "Direct"),
        ("(direct)", "(none)", "", "Direct"),
        ("(direct)", "(not set)", "", "Direct"),
        ("google", "cpc", "Summer Cross-Network", "Cross-network"),
        ("amazon", "cpc", "", "Paid Shopping"),
        ("news", "cpc", "shop-now", "Paid Shopping"),
        ("news", "cpc", "eshop", "Paid Shopping"),
        ("news", "cpc", "workshop", "Paid Other"),
        ("google", "cpc", "", "Paid Search"),
        ("google", "ppc", "", "Paid Search"),
        ("bing", "paidsearch", "", "Paid Search"),
        ("google", "retargeting", "", "Paid Search"),
        ("facebook", "cpc", "", "Paid Social"),
        ("instagram", "paid_social", "", "Paid Social"),
        ("youtube", "cpv", "", "Paid Video"),
        ("youtube.com", "paid", "", "Paid Video"),
        ("news", "display", "", "Display"),
        ("news", "banner", "", "Display"),
        ("news", "interstitial", "", "Display"),
        ("news", "cpm", "", "Display"),
        ("news", "cpa", "", "Paid Other"),
        ("ebay.de", "referral", "", "Organic Shopping"),
        ("news", "post", "shopping-week", "Organic Shopping"),
        ("facebook.com", "referral", "", "Organic Social"),
        ("partner", "social-media", "", "Organic Social"),
        ("youtube.com", "referral", "", "Organic Video"),
        ("news", "my-video-ad", "", "Organic Video"),
        ("google", "organic", "", "Organic Search"),
        ("duckduckgo.com", "referral", "", "Organic Search"),
        ("unknown", "organic", "", "Organic Search"),
        ("news.example", "referral", "", "Referral"),
        ("partner", "app", "", "Referral"),
        ("partner", "link", "", "Referral"),
        ("newsletter", "email", "", "Email"),
        ("e-mail", "weekly", "", "Email"),
        ("newsletter", "E_Mail", "", "Email"),
        ("partner", "affiliate", "", "Affiliates"),
        ("spotify", "audio", "", "Audio"),
        ("sms", "blast", "", "SMS"),
        ("crm", "sms", "", "SMS"),
        ("app", "webpush", "", "Mobile Push Notifications"),
        ("app", "in-mobile-app", "", "Mobile Push Notifications"),
        ("app", "notification", "", "Mobile Push Notifications"),
        ("firebase", "x", "", "Mobile Push Notifications"),
        ("news", "(not set)", "", "Unassigned"),
        ("flyer", "qr", "", "Unassigned"),
    ],
)
def test_the_first_rule_that_holds_names_the_channel(
    source: str | None, medium: str | None, campaign: str | None, channel: str
) -> None:
    assert default_channel_group(source, medium, campaign) == channel


def test_capital_letters_and_spaces_around_change_nothing() -> None:
    assert default_channel_group(" Google ", "CPC", None) == "Paid Search"


@pytest.mark.parametrize(
    ("source", "category"),
    [
        ("google", "search"),
        ("www.google.com", "search"),
        ("google.co.uk", "search"),
        ("www.google.com.au", "search"),
        ("amazon.de", "shopping"),
        ("l.instagram.com", "social"),
        ("de-de.facebook.com", "social"),
        ("t.co", "social"),
        ("mail.google.com", "other"),
        ("google.example.com", None),
        ("notgoogle.com", None),
        ("t.com", None),
        ("", None),
        (None, None),
    ],
)
def test_a_source_is_known_by_its_name_and_by_its_host(source: str | None, category: str | None) -> None:
    assert source_category(source) == category


URL = "https://shop.example/landing"


@pytest.mark.parametrize(
    ("url", "referrer", "utm_source", "utm_medium", "expected"),
    [
        (URL, None, None, None, ("(direct)", "(none)")),
        (URL, "https://www.google.com/", None, None, ("google.com", "organic")),
        (URL, "https://News.example:8080/a?b", None, None, ("news.example", "referral")),
        (URL, "https://www.shop.example/other", None, None, ("(direct)", "(none)")),
        (URL, "android-app://com.google.android.googlequicksearchbox/", None, None,
         ("com.google.android.googlequicksearchbox", "organic")),
        (URL, "https://www.google.com/", "newsletter", "email", ("newsletter", "email")),
        (URL, "https://www.google.com/", "newsletter", None, ("newsletter", "(not set)")),
        (URL, None, None, "email", ("(not set)", "email")),
        (f"{URL}?gclid=abc", "https://www.google.com/", None, None, ("google", "cpc")),
        (f"{URL}?gclid=abc", None, "own", "cpc", ("own", "cpc")),
        (f"{URL}?gclid=", "https://www.google.com/", None, None, ("google.com", "organic")),
        (f"{URL}?msclkid=abc", None, None, None, ("bing", "cpc")),
        (f"{URL}?fbclid=abc", "https://l.facebook.com/", None, None, ("l.facebook.com", "referral")),
        (None, "https://news.example/", None, None, ("news.example", "referral")),
        ("http://[broken", "http://[broken", None, None, ("(direct)", "(none)")),
        (URL, "no address", None, None, ("(direct)", "(none)")),
    ],
)  # fmt: skip
def test_a_visit_comes_from_its_campaign_else_its_click_id_else_its_referrer(
    url: str | None, referrer: str | None, utm_source: str | None, utm_medium: str | None, expected: tuple[str, str]
) -> None:
    assert origin(url, referrer, utm_source, utm_medium) == expected


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with lists of a test's own; what was cached of them is forgotten before and after."""
    (tmp_path / "sources.csv").write_text("source,category\nfriends.example,social\n")
    (tmp_path / "channel_rules.csv").write_text("channel,source,medium,campaign\n")
    monkeypatch.setattr(channels, "HERE", tmp_path)
    caches = (channels._sources, channels._own_rules, default_channel_group, source_category, origin)
    for function in caches:
        function.cache_clear()
    yield tmp_path
    for function in caches:
        function.cache_clear()


def test_rules_of_ones_own_come_first_and_in_their_order(lists: Path) -> None:
    (lists / "channel_rules.csv").write_text(
        "# ours\nchannel,source,medium,campaign\nPartners,^partner,,\nBrand,,^cpc$,brand\nNever,^partner,,\n"
    )
    assert default_channel_group("Partner-a", "email", None) == "Partners"
    assert default_channel_group("google", "cpc", "our brand") == "Brand"
    assert default_channel_group("friends.example", "referral", None) == "Organic Social"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("sources.csv", "source,category\na,sozial\n", "sources.csv:2: category is 'sozial', not one of search"),
        ("sources.csv", "a,b\n", "sources.csv:1: begins with a,b, not source,category"),
        ("sources.csv", "source,category\na\n", "sources.csv:2: has 1 fields, not 2"),
        ("channel_rules.csv", "channel,source,medium,campaign\nA,(,,\n", "channel_rules.csv:2: '(' is no regular"),
    ],
)
def test_a_fault_in_a_list_is_named_with_its_line(lists: Path, name: str, text: str, complaint: str) -> None:
    (lists / name).write_text(text)
    with pytest.raises(ValueError, match="^" + complaint.replace("(", r"\(")):
        default_channel_group("a", "b", "c")


def test_the_shipped_lists_name_each_source_once() -> None:
    rows = list(channels._rows(Path(channels.__file__).with_name("sources.csv"), ["source", "category"]))
    names = [source for _, (source, _) in rows]
    assert len(names) > 400
    assert sorted(set(names)) == sorted(names)
    assert all(name == name.strip().lower() for name in names)
