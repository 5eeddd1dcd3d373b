"""Country and region of an address: by the registries' data, and by a file in MaxMind's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footfall.collector.geoip import UNKNOWN, Place, open_database, place_of
from footfall.errors import FootfallError


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("193.0.6.139", "NL"),  # RIPE NCC's own
        ("2001:67c:2e8:22::c100:68b", "NL"),
        ("202.12.29.175", "AU"),  # APNIC's own
        ("127.0.0.1", None),
        ("192.168.1.1", None),
        ("::1", None),
        ("2001:db8::1", None),
    ],
)
def test_without_a_file_the_country_is_that_of_the_registry(address: str, country: str | None) -> None:
    assert open_database("")(address) == Place(country, None)


@pytest.mark.parametrize("content", [None, b"", b"no database", b"\xab\xcd\xefMaxMind.com" + b"\xe0"])
def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "places.mmdb"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FootfallError, match=r"MAXMIND_DB names .*places\.mmdb, which can't be read"):
        open_database(str(file))


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "BY"}]}, Place("DE", "DE-BY")),
        ({"country": {"iso_code": "DE"}, "subdivisions": []}, Place("DE", None)),
        ({"country_code": "FR"}, Place("FR", None)),
        ({"country": {"iso_code": "de"}}, UNKNOWN),
        ({"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "too long"}]}, Place("DE", None)),
        ({"country": "DE"}, UNKNOWN),
        ({"country": {"iso_code": 49}}, UNKNOWN),
        ({"subdivisions": [{"iso_code": "BY"}]}, UNKNOWN),
        ([], UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_record_is_read_in_the_shapes_there_are_and_rubbish_is_no_place(record: Any, place: Place) -> None:
    assert place_of(record) == place
