"""Which page an address is of."""

from __future__ import annotations

import pytest

from udfs.pages import normalised


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://www.Shop.example:8443/Tents?q=two+men&utm_source=x&gclid=y#top", "shop.example/Tents?q=two%20men"),
        ("https://shop.example", "shop.example/"),
        ("https://shop.example/?utm_campaign=spring&fbclid=1", "shop.example/"),
        ("https://shop.example/a?q=&id=", "shop.example/a"),
        ("https://shop.example/a?q=caf%C3%A9&q=second&id=7", "shop.example/a?id=7&q=caf%C3%A9"),
        ("https://shop.example/a?id=7&q=caf\u00e9", "shop.example/a?id=7&q=caf%C3%A9"),
        ("https://shop.example/%C3%BCber/\u00fc?Q=1", "shop.example/%C3%BCber/\u00fc"),
        ("https://shop.example/a?id=1%262&q=%2F%3F%23", "shop.example/a?id=1%262&q=%2F%3F%23"),
        ("https://b\u00fccher.example/\u6771\u4eac", "b\u00fccher.example/\u6771\u4eac"),
        ("https://shop.example/a?q=" + "x" * 200, "shop.example/a?q=" + "x" * 100),
        ("https://shop.example/a?q=\ud800", "shop.example/a?q=%3F"),
        ("/a?q=1", None),
        ("https://[broken/", None),
        ("", None),
        (None, None),
    ],
)
def test_a_page_is_host_path_and_the_parameters_that_say_which_it_is(url: str | None, page: str | None) -> None:
    assert normalised(url, ("q", "id")) == page


def test_without_parameters_and_host_it_is_the_path() -> None:
    assert normalised("https://shop.example/a?q=1", with_host=False) == "/a"
    assert normalised("https://shop.example?q=1", with_host=False) == "/"


def test_a_path_that_the_page_gives_itself_takes_the_place_of_that_of_its_address() -> None:
    assert normalised("https://shop.example/#!/cart", path="/cart") == "shop.example/cart"
    assert normalised("https://shop.example/x?q=1", ("q",), path="/a", with_host=False) == "/a?q=1"
