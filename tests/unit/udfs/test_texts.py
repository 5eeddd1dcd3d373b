"""Addresses and locales."""

from __future__ import annotations

import pytest

from udfs import urls
from udfs.languages import language_code


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.Shop.example:8080/a?b#c", "shop.example"),
        ("https://user:secret@shop.example/", "shop.example"),
        ("//shop.example/a", "shop.example"),
        ("https://bücher.example/", "bücher.example"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("https://shop.example./", "shop.example"),
        ("/path", None),
        ("https://[broken/", None),
        ("https://www./", None),
        ("", None),
        (None, None),
    ],
)
def test_a_host_is_given_without_port_user_and_www(url: str | None, host: str | None) -> None:
    assert urls.host(url) == host


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("https://a.example/?q=caf%C3%A9+bar&x=&q=second#q=hash", {"q": "café bar"}),
        ("https://a.example/", {}),
        ("https://a.example/?" + "&".join(f"p{n}=1" for n in range(300)), {}),
        ("http://[broken?q=1", {}),
        (None, {}),
    ],
)
def test_parameters_are_given_decoded_the_first_of_each_name(url: str | None, parameters: dict[str, str]) -> None:
    assert urls.query(url) == parameters


@pytest.mark.parametrize(
    ("locale", "code"),
    [
        ("de-AT", "de"),
        ("EN_us.UTF-8", "en"),
        ("zh-Hant-TW", "zh"),
        ("fil", "fil"),
        ("C", None),
        ("english", None),
        ("*", None),
        ("1de", None),
        ("", None),
        (None, None),
    ],
)
def test_a_language_is_the_first_part_of_a_locale(locale: str | None, code: str | None) -> None:
    assert language_code(locale) == code
