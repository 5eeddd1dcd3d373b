"""Files of events: which format they have, their lines, and their order."""

import gzip
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from footfall.errors import FootfallError
from footfall.loaders import access_log, ga4
from footfall.loaders.external_sort import Entry, in_order
from footfall.loaders.formats import format_of
from footfall.loaders.lines import LINE_BYTES, Format, open_file, read_lines, read_object
from footfall.loaders.native import read_events
from footfall.loaders.snowplow import COLUMNS

DOCS = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
REQUEST = b'203.0.113.7 - - [31/Jan/2026:13:00:00 +0000] "GET / HTTP/1.1" 200 512 "-" "Firefox"\n'
GA4 = b'{"event_name": "page_view", "event_timestamp": "1769864400123456"}\n'
SNOWPLOW = b"\t".join(b"x" for _ in COLUMNS) + b"\n"
SEGMENT = b'{"type": "page", "messageId": "m"}\n'
CSV = b"user_id,event_time,url\nu,2026-01-31T13:00:00Z,/\n"


def lines_of(path: Path) -> list[bytes]:
    with open_file(path) as file:
        return list(read_lines(path, file))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("events.csv", CSV, Format.CSV),
        ("events.csv", b"", Format.CSV),
        ("events", CSV, Format.CSV),
        ("events.jsonl", SEGMENT, Format.SEGMENT),
        ("events.json", b"", Format.SEGMENT),
        ("events.ndjson", b"broken\n" + SEGMENT, Format.SEGMENT),
        ("events", SEGMENT, Format.SEGMENT),
        ("events_000000000000.json", GA4, Format.GA4),
        ("events_000000000000", b"{broken\n" + GA4, Format.GA4),
        ("access.log", REQUEST, Format.ACCESS_LOG),
        ("access.log.1", b"\xef\xbb\xbf" + REQUEST, Format.ACCESS_LOG),
        ("ssl-requests", b"garbage\n\n" * 50 + REQUEST, Format.ACCESS_LOG),
        ("access.log", b"\0" * 4096 + REQUEST + REQUEST, Format.ACCESS_LOG),
        ("part-00000", SNOWPLOW, Format.SNOWPLOW),
        ("enriched.tsv", b"too\tfew\n" + SNOWPLOW.replace(b"\n", b"\r\n"), Format.SNOWPLOW),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_format_is_recognised_by_name_and_content(
    tmp_path: Path, name: str, content: bytes, kind: Format, packed: bool
) -> None:
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert format_of([path]) is kind


def test_gzip_is_known_by_its_bytes_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "access.log.2").write_bytes(gzip.compress(REQUEST))
    assert format_of([tmp_path / "access.log.2"]) is Format.ACCESS_LOG


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", r"a\.txt is empty: the name must end in \.csv"),
        ("a.xml", b"<events/>", r"a\.xml: the name must end in \.csv, .* --format says which"),
        ("a", b"\x00\x01\x02\xff" * 1000, "a is no text: found the byte 0 in it"),
        ("a.log.gz", b"plain", "is no whole gzip file"),
        ("a.log.gz", gzip.compress(REQUEST * 99, mtime=0)[:40], "is no whole gzip file"),
        ("a.log.gz", gzip.compress(REQUEST, mtime=0)[:10] + b"\xff" * 50, "is no whole gzip file"),
        (
            "a.parquet",
            b"PAR1\x15\x00",
            "is Parquet, which is not read: export newline-delimited JSON instead, `bq extract",
        ),
        ("a.avro", b"Obj\x01\x04", "is Avro, which is not read"),
        ("a.log.bz2", b"BZh91AY", "is packed with bzip2, which is not read: unpack it"),
        ("a.log.zst", b"\x28\xb5\x2f\xfd\x00", "is packed with zstd"),
    ],
)
def test_a_file_of_no_format_is_one_clear_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FootfallError, match=message) as raised:
        format_of([tmp_path / name])
    assert "\n" not in str(raised.value)


def test_files_of_different_formats_are_not_loaded_together(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(REQUEST)
    (tmp_path / "b.json").write_bytes(GA4)
    with pytest.raises(FootfallError, match=r"a\.log is access-log and .*b\.json is ga4: load one format at a time"):
        format_of([tmp_path / "a.log", tmp_path / "b.json"])


def test_an_empty_file_among_others_says_nothing_of_the_format(tmp_path: Path) -> None:
    (tmp_path / "access.log").touch()
    (tmp_path / "access.log.1").write_bytes(REQUEST)
    assert format_of([tmp_path / "access.log", tmp_path / "access.log.1"]) is Format.ACCESS_LOG
    with pytest.raises(FootfallError, match="all are empty"):
        (tmp_path / "access.log.1").write_bytes(b"")
        format_of([tmp_path / "access.log", tmp_path / "access.log.1"])


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "No such file or directory"), (".", "Is a directory"), ("a/b", "Not a directory")]
)
def test_a_file_that_can_not_be_read_is_one_clear_error(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "a").write_bytes(REQUEST)
    with pytest.raises(FootfallError, match=f"^can't read .*: {reason}$"):
        format_of([tmp_path / name])


def test_lines_come_without_their_ends_and_a_mark_of_byte_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\r\n\ntwo\nthree")
    assert lines_of(tmp_path / "a") == [b"one", b"", b"two", b"three"]


def test_files_that_were_packed_one_by_one_may_be_joined(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert lines_of(tmp_path / "a.gz") == [b"one", b"two"]


def test_a_line_without_end_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (3 * LINE_BYTES + 7) + b"\nnext\n" + b"y" * LINE_BYTES)
    assert lines_of(tmp_path / "a") == [b"x" * LINE_BYTES, b"next", b"y" * LINE_BYTES]


def test_a_gzip_file_that_was_cut_off_is_one_clear_error_at_its_end(tmp_path: Path) -> None:
    dice = random.Random(1)
    content = b"".join(b"%d\n" % dice.getrandbits(64) for _ in range(50_000))
    (tmp_path / "a.gz").write_bytes(gzip.compress(content)[:-1000])
    with pytest.raises(FootfallError, match=r"a\.gz is no whole gzip file"):
        lines_of(tmp_path / "a.gz")


def test_a_format_that_needs_its_rules_is_not_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(REQUEST)
    with path.open("rb") as file, pytest.raises(FootfallError, match=r"access\.log is access-log"):
        list(read_events(path, file, "shop"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a": "\\ud83d"}', {"a": "?"}),
        (b'{"a": "\\\\ud83d"}', {"a": "\\ud83d"}),
        (b"[1]", None),
        (b'"a"', None),
        (b"\xff", None),
        (b"", None),
        (b"[" * 100_000, None),
    ],
    ids=range(8),
)
def test_an_object_is_read_as_text_that_utf_8_can_hold(text: bytes, value: object) -> None:
    assert read_object(text) == value


def shuffled(count: int) -> list[Entry]:
    dice = random.Random(3)
    made = [Entry(dice.randrange(50), [0, number], str(number), msgspec.Raw(b"%d" % number)) for number in range(count)]
    dice.shuffle(made)
    return made


@pytest.mark.parametrize("run_bytes", [1, 100, 10_000_000])
def test_events_are_sorted_by_time_and_then_by_their_order(run_bytes: int) -> None:
    given = shuffled(500)
    found = [(entry.time, entry.order, bytes(entry.text)) for entry in in_order(iter(given), run_bytes)]
    assert found == sorted((entry.time, entry.order, bytes(entry.text)) for entry in given)


def test_nothing_is_left_of_the_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    entries = in_order(iter(shuffled(100)), 50)
    next(entries)
    assert list(tmp_path.iterdir()) == []
    entries.close()


def test_a_source_that_breaks_off_gives_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Entry]:
        yield from shuffled(10)
        raise FootfallError("broken")

    found = []
    with pytest.raises(FootfallError, match="broken"):
        found += list(in_order(broken(), 3))
    assert found == []


def test_a_full_disk_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Path("/dev/full").open("w+b"))  # noqa: SIM115
    with pytest.raises(
        FootfallError, match=r"can't sort the events in .*: No space left on device; TMPDIR names another"
    ):
        list(in_order(iter(shuffled(10)), 1))


def table(heading: str) -> dict[str, str]:
    """The first two columns of the table of docs/importing.md below a heading, of what is code in it."""
    rows = DOCS.partition(f"<!-- {heading} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    cells = ([cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows)
    return {one: other for one, other, *_ in cells}


def test_the_documentation_lists_what_the_formats_become() -> None:
    assert table("ga4 events") == ga4.EVENTS
    assert table("ga4 fields") == ga4.ORDER | ga4.PRODUCT
    assert set(DOCS.partition("<!-- assets -->\n```\n")[2].partition("```")[0].split()) == access_log.ASSETS


def test_entries_are_the_same_after_the_disk() -> None:
    entry = Entry(1, [2, "x"], "id", msgspec.Raw(json.dumps({"a": 'ä"\n'}).encode()))
    (found,) = in_order([entry], 1)
    assert (found.time, found.order, found.identity) == (1, [2, "x"], "id")
    assert msgspec.json.decode(found.text) == {"a": 'ä"\n'}
