"""Which addresses are of a data centre, and what an event says of it."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from footfall.collector.consent import Consent
from footfall.collector.data_centres import Ranges, is_data_centre, range_of
from footfall.collector.ip_addresses import packed
from footfall.collector.privacy import protect
from footfall.collector.site_settings import Site

CLOUD, HOME = "52.94.76.1", "193.0.6.139"
SITE = Site("shop", (), "UTC", (), Consent.FULL, frozenset(), 0, b"k" * 32)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (CLOUD, True),  # Amazon
        ("::ffff:52.94.76.1", True),
        ("2600:1f18::1", True),  # Amazon
        ("20.64.0.1", True),  # Microsoft
        (HOME, False),  # RIPE NCC
        ("2001:67c:2e8:22::c100:68b", False),
        ("104.16.0.1", False),  # Cloudflare, from which people come too
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("::", False),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", False),
    ],
)
def test_clouds_are_data_centres_and_others_are_not(address: str, expected: bool) -> None:
    whole = packed(address)
    assert whole is not None
    assert is_data_centre(whole) is expected


def test_an_address_is_in_ranges_that_overlap_as_one_by_one() -> None:
    chance = random.Random(6)
    networks = [
        ip_network((chance.getrandbits(bits), chance.randint(bits - 28, bits)), strict=False)
        for bits in (32, 128)
        for _ in range(200)
    ]
    ranges = Ranges(map(range_of, map(str, networks)))
    found = 0
    for network in networks:
        edges = (int(network[0]), int(network[-1]))
        for number in (edges[0] - 1, *edges, edges[1] + 1):
            if 0 <= number < 2**network.max_prefixlen:
                address = type(network[0])(number)
                expected = any(address in one for one in networks if one.version == address.version)
                assert (address.packed in ranges) is expected
                found += expected
    assert found > 400
    assert ip_address("::").packed not in Ranges([])


@pytest.mark.parametrize("consent", [Consent.FULL, Consent.ANONYMOUS])
def test_an_event_says_whether_its_address_is_of_a_data_centre_whatever_was_sent(consent: Consent) -> None:
    def said(address: str, **context: Any) -> Any:
        event = {"type": "page", "messageId": "m", "anonymousId": "v", "context": context}
        assert protect(event, SITE, consent, address=address, agent="", salt=b"s")
        return event["context"].get("dataCentre")  # type: ignore[attr-defined]

    assert said(CLOUD) is True
    assert said(HOME, ip=CLOUD) is True
    assert said(CLOUD, ip=HOME) is None
    assert said(HOME, dataCentre=True) is None
    assert said("", dataCentre=True) is None
