"""Sites and write keys, from the command line to what a collector knows of them, on a real PostgreSQL."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from conftest import Postgres, Tables, free_port
from e2e.commands import complaint, run
from e2e.helpers import wait_for
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from footfall import cli
from footfall.admin import site_options, sites
from footfall.admin.site_options import Options, Unfit
from footfall.collector import poller
from footfall.collector.consent import Consent
from footfall.collector.site_settings import Site, SiteCache, read_site, read_sites
from footfall.database.connections import DatabaseError
from footfall.errors import FootfallError

ORIGIN = "https://shop.example"
FOR_EVER = timedelta(days=7)
FAST = 0.05  # seconds between two rounds of a cache


def known(tables: Tables) -> dict[str, Site]:
    return read_sites(tables.collector)


def test_the_collector_knows_of_a_site_all_that_was_said(tables: Tables) -> None:
    key = sites.add(
        tables.owner,
        "shop",
        Options(
            origins=["HTTPS://Shop.Example:443/", "http://localhost:8080", ORIGIN],
            timezone="Europe/Berlin",
            goals=[" Order Completed ", "Signed Up"],
            default_consent=Consent.ANONYMOUS,
            denied_fields=["Loyalty_Number"],
            requests_per_second=5,
            event_properties={" Signed Up": "plan ", "a=b": "size"},
            page_parameters=["q", "id", "q"],
            page_hosts=True,
        ),
    )
    site = known(tables)[key]
    assert site == Site(
        name="shop",
        origins=(ORIGIN, "http://localhost:8080"),
        timezone="Europe/Berlin",
        goals=("Order Completed", "Signed Up"),
        default_consent=Consent.ANONYMOUS,
        denied_fields=frozenset({"loyalty_number"}),
        requests_per_second=5,
        pseudonym_key=site.pseudonym_key,
        event_properties={"Signed Up": "plan", "a=b": "size"},
        page_parameters=("q", "id"),
        page_hosts=True,
    )
    assert read_site(tables.collector, "shop") == site
    assert read_site(tables.collector, "other") is None


def test_a_site_of_which_nothing_is_said_lets_no_page_send_and_has_secrets_of_its_own(tables: Tables) -> None:
    keys = [sites.add(tables.owner, name) for name in ("a", "b")]
    found = known(tables)
    first, second = (found[key] for key in keys)
    assert (first.origins, first.timezone, first.goals, first.default_consent) == ((), "UTC", (), Consent.FULL)
    assert (first.denied_fields, first.requests_per_second) == (frozenset(), 1000)
    assert (first.event_properties, first.page_parameters, first.page_hosts) == ({}, (), False)
    assert len(first.pseudonym_key) == len(second.pseudonym_key) == 32
    assert first.pseudonym_key != second.pseudonym_key


def test_a_site_is_added_once(tables: Tables) -> None:
    key = sites.add(tables.owner, "shop", Options(origins=[ORIGIN]))
    before = known(tables)
    with pytest.raises(FootfallError, match=r"^site shop is there already: `footfall site set shop` changes it"):
        sites.add(tables.owner, "shop", Options(origins=["*"]))
    assert known(tables) == before == {key: before[key]}


def test_a_change_leaves_what_it_does_not_name_and_can_empty_a_list(tables: Tables) -> None:
    key = sites.add(tables.owner, "shop", Options(origins=[ORIGIN], goals=["a", "b"], denied_fields=["c"]))
    before = known(tables)[key]
    sites.change(tables.owner, "shop", Options(goals=["d"], denied_fields=[], requests_per_second=0))
    after = known(tables)[key]
    assert (after.goals, after.denied_fields, after.requests_per_second) == (("d",), frozenset(), 0)
    assert (after.origins, after.timezone, after.pseudonym_key) == (
        before.origins,
        before.timezone,
        before.pseudonym_key,
    )
    with pytest.raises(Unfit, match="nothing to change"):
        sites.change(tables.owner, "shop", Options())


def test_an_unknown_site_is_one_line_with_the_one_that_was_meant(tables: Tables) -> None:
    sites.add(tables.owner, "shop")
    for work in (
        lambda: sites.change(tables.owner, "shpo", Options(goals=["a"])),
        lambda: sites.rotate(tables.owner, "shpo", FOR_EVER),
        lambda: sites.keys(tables.owner, "shpo"),
        lambda: sites.remove(tables.owner, "shpo"),
    ):
        with pytest.raises(FootfallError, match=r"^there is no site shpo; did you mean shop\?$"):
            work()
    with pytest.raises(FootfallError, match=r"^there is no site x: `footfall site list` shows those there are$"):
        sites.keys(tables.owner, "x")


def test_rotated_keys_overlap_and_then_the_old_one_ends(tables: Tables) -> None:
    old = sites.add(tables.owner, "shop")
    new = sites.rotate(tables.owner, "shop", timedelta(days=7))
    assert known(tables).keys() == {old, new}
    newest = sites.rotate(tables.owner, "shop", timedelta(seconds=1))
    assert new in known(tables)
    wait_for("the end of the overlap", lambda: known(tables).keys() == {newest}, 10)
    listed = sites.keys(tables.owner, "shop")
    assert [(key.write_key, key.is_valid) for key in listed] == [(newest, True), (new, False), (old, False)]
    assert [key.expires_at is None for key in listed] == [True, False, False]


def test_a_rotation_without_overlap_ends_all_others_at_once(tables: Tables) -> None:
    sites.add(tables.owner, "shop")
    sites.rotate(tables.owner, "shop", timedelta(days=7))
    newest = sites.rotate(tables.owner, "shop", timedelta(0))
    assert known(tables).keys() == {newest}


def test_a_later_rotation_gives_no_key_more_time(tables: Tables) -> None:
    sites.add(tables.owner, "shop")
    sites.rotate(tables.owner, "shop", timedelta(hours=1))
    before = sites.keys(tables.owner, "shop")[-1]
    sites.rotate(tables.owner, "shop", timedelta(days=7))
    assert sites.keys(tables.owner, "shop")[-1] == before


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=3651)])
def test_an_overlap_that_can_not_be_is_refused(tables: Tables, overlap: timedelta) -> None:
    key = sites.add(tables.owner, "shop")
    with pytest.raises(Unfit, match="0 to 3650 days"):
        sites.rotate(tables.owner, "shop", overlap)
    assert known(tables).keys() == {key}


def test_ensure_makes_what_is_missing_and_nothing_else(tables: Tables) -> None:
    first = sites.ensure(tables.owner, "demo", Options(origins=["*"]))
    assert sites.ensure(tables.owner, "demo", Options(origins=[ORIGIN])) == first
    assert known(tables)[first].origins == ("*",)
    second = sites.rotate(tables.owner, "demo", timedelta(days=7))
    assert sites.ensure(tables.owner, "demo") == second
    tables.run(tables.owner, "UPDATE write_keys SET expires_at = now()")
    third = sites.ensure(tables.owner, "demo")
    assert known(tables).keys() == {third}


def test_two_who_ensure_at_once_get_the_same_key(tables: Tables) -> None:
    start = threading.Barrier(4)

    def ensure(_: int) -> str:
        start.wait()
        return sites.ensure(tables.owner, "demo")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ensure, range(4)))) == 1
    assert len(known(tables)) == 1


def test_a_removed_site_leaves_no_key(tables: Tables) -> None:
    kept = sites.add(tables.owner, "kept")
    sites.add(tables.owner, "shop")
    sites.remove(tables.owner, "shop")
    assert known(tables).keys() == {kept}
    assert [site.site for site in sites.list_sites(tables.owner)] == ["kept"]


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("", "such as shop$"), ("My Shop", "such as my-shop$"), ("ümlaut", "such as mlaut$"), ("a" * 101, "a{100}$"),
        ("shop\n", "such as shop$"), ("a:b", "such as a-b$"),
    ],
)  # fmt: skip
def test_a_name_that_no_site_can_have_is_refused(untouched: Tables, text: str, instead: str) -> None:
    with pytest.raises(Unfit, match=instead):
        sites.add(untouched.owner, text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Shop.Example", ORIGIN), ("https://shop.example/", ORIGIN), ("https://shop.example:0443", ORIGIN),
        ("http://shop.example:80", "http://shop.example"), ("http://shop.example:443", "http://shop.example:443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"), ("http://[::1]:8080", "http://[::1]:8080"),
        ("capacitor://localhost", "capacitor://localhost"), (" * ", "*"),
    ],
)  # fmt: skip
def test_an_origin_is_kept_as_browsers_send_it(text: str, origin: str) -> None:
    assert site_options.checked_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shop.example", "write https://shop.example, without a path, or . for any$"),
        ("https://shop.example/cart?x=1", "write https://shop.example, without"),
        ("http://user:password@shop.example:81/", "write http://shop.example:81, without"),
        ("", "write https://shop.example, without"),
        ("javascript:alert(1)", "write https://shop.example, without"),
        ("https://*.shop.example", "name each host, or write . alone for any$"),
        ("https://bücher.example", "write https://xn--bcher-kva.example$"),
        ("https://shop.example:99999", "a port that there can't be$"),
        ("https://shop.example:0", "a port that there can't be$"),
        ("https://sh\"op<.example", "found a host"),
        ("file:///home/me/index.html", "only where every page may"),
        ("null", "only where every page may"),
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(Unfit, match=message):
        site_options.checked_origin(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("europe/berlin", "did you mean Europe/Berlin"), ("Europe/Berln", "did you mean Europe/Berlin"),
        ("+01:00", "or UTC$"), ("EST", "IANA name"), ("", "or UTC$"), ("../../etc/passwd", "or UTC"),
    ],
)  # fmt: skip
def test_what_is_no_time_zone_is_refused(text: str, hint: str) -> None:
    with pytest.raises(Unfit, match=hint):
        site_options.checked_timezone(text)


def test_postgres_knows_the_time_zones(untouched: Tables) -> None:
    (zones,) = zip(*untouched.run(untouched.owner, "SELECT name FROM pg_timezone_names"), strict=True)
    assert {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"} <= set(zones)
    assert all(site_options.checked_timezone(zone) == zone for zone in ("UTC", "Europe/Berlin", "Asia/Kolkata"))


@pytest.mark.parametrize("options", [Options(goals=[" "]), Options(goals=["a\nb"]), Options(denied_fields=["[]"]),
    Options(denied_fields=["имя"]), Options(requests_per_second=-1), Options(requests_per_second=2**31),
    Options(traits=[""]), Options(traits=["x" * 101]), Options(traits=["a\0"]), Options(traits=["Email"]),
    Options(traits=["plan", "firstName"]), Options(trait_floor=1), Options(event_properties={"": "plan"}),
    Options(event_properties={"Signed Up": " "}), Options(event_properties={"Signed Up": "email"}),
    Options(page_parameters=["a=b"]), Options(page_parameters=["utm_source"]), Options(page_parameters=["fbclid"]),
    Options(page_parameters=["code"]), Options(page_parameters=["userId"])])  # fmt: skip
def test_an_option_that_no_site_can_have_makes_no_site(untouched: Tables, options: Options) -> None:
    with pytest.raises(Unfit):
        sites.add(untouched.owner, "shop", options)
    assert sites.list_sites(untouched.owner) == []


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("site", "'My Shop'"), ("origins", "'{NULL}'"), ("goals", "'{NULL}'"), ("denied_fields", "'{NULL}'"),
        ("default_consent", "'maybe'"), ("requests_per_second", "-1"), ("pseudonym_key", "'short'"),
        ("traits", "'{NULL}'"), ("trait_floor", "1"), ("page_parameters", "'{NULL}'"),
        ("event_properties", "'[]'"), ("event_properties", """'{"a": ["b"]}'"""),
    ],
)  # fmt: skip
def test_postgres_refuses_a_row_that_no_collector_could_read(untouched: Tables, columns: str, values: str) -> None:
    row = {"site": "'shop'", "pseudonym_key": "decode(repeat('00', 32), 'hex')", columns: values}
    with pytest.raises(errors.CheckViolation):
        untouched.run(untouched.owner, f"INSERT INTO sites ({', '.join(row)}) VALUES ({', '.join(row.values())})")


def test_no_role_can_do_more_with_sites_than_it_needs(tables: Tables) -> None:
    key = sites.add(tables.owner, "shop", Options(origins=[ORIGIN]))
    tables.run(tables.collector, "INSERT INTO visitor_salts VALUES ('2026-11-25', %s)", bytes(32))
    listed = (
        "site, origins, timezone, goals, default_consent, denied_fields, requests_per_second, traits, trait_floor,"
        " event_properties, page_parameters, page_hosts, created_at"
    )
    assert tables.run(tables.reader, f"SELECT {listed} FROM sites")[0][0] == "shop"
    assert known(tables).keys() == {key}
    writes = [
        "INSERT INTO sites (site, pseudonym_key) VALUES ('x', decode(repeat('00', 32), 'hex'))",
        "UPDATE sites SET origins = '{*}'", "DELETE FROM sites", "TRUNCATE sites CASCADE",
        "INSERT INTO write_keys (write_key, site) VALUES ('x', 'shop')", "UPDATE write_keys SET expires_at = NULL",
        "DELETE FROM write_keys", "UPDATE visitor_salts SET day = day", "TRUNCATE visitor_salts",
    ]  # fmt: skip
    reads = [
        "SELECT * FROM sites",
        "SELECT pseudonym_key FROM sites",
        "SELECT FROM write_keys",
        "SELECT FROM visitor_salts",
    ]
    salts = ["INSERT INTO visitor_salts VALUES ('2026-11-26', '')", "DELETE FROM visitor_salts"]
    for role, forbidden in {
        tables.collector: writes,
        tables.reader: [*writes, *reads, *salts],
        tables.writer: [*writes, *reads, *salts, "SELECT site FROM sites"],
    }.items():
        address = make_conninfo(role, options="-c default_transaction_read_only=off")
        for statement in forbidden:
            with pytest.raises(errors.InsufficientPrivilege):
                tables.run(address, statement)


def warnings(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_a_cache_serves_while_postgres_is_away_and_follows_when_it_is_back(
    own_postgres: Postgres, own_tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    old = sites.add(own_tables.owner, "shop", Options(origins=[ORIGIN]))
    with SiteCache(own_tables.collector, FAST) as cache:
        assert cache.ready
        assert cache.find(old) == known(own_tables)[old]
        new = sites.rotate(own_tables.owner, "shop", timedelta(seconds=4))
        wait_for("the new key", lambda: cache.find(new), 10)
        with own_postgres.away():
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(own_tables.collector)
            wait_for("a warning", lambda: warnings(caplog), 10)
            assert cache.ready
            assert cache.origin_known(ORIGIN)
            wait_for("the end of the old key", lambda: cache.find(old) is None, 10)
            assert cache.find(new)
        wait_for("the line that it is back", lambda: warnings(caplog, logging.INFO), 30)
        another = sites.add(own_tables.owner, "another")
        wait_for("the new site", lambda: cache.find(another), 10)
        assert cache.find(old) is None
    assert len(warnings(caplog)) == 1
    assert warnings(caplog)[0].startswith("the sites can't be read from Postgres, those that are known stay: ")
    assert warnings(caplog, logging.INFO) == ["the sites are read from Postgres again"]
    assert not any("secret" in record.getMessage() or "\n" in record.getMessage() for record in caplog.records)


def test_a_cache_is_not_ready_until_postgres_has_answered_once(own_postgres: Postgres, own_tables: Tables) -> None:
    key = sites.add(own_tables.owner, "shop")
    with own_postgres.away():
        cache = SiteCache(own_tables.collector, FAST)
        cache.__enter__()
        assert not cache.ready
        assert cache.find(key) is None
    try:
        wait_for("the sites", lambda: cache.ready, 30)
        assert cache.find(key)
    finally:
        cache.stop()


def test_a_postgres_that_hangs_does_not_hold_the_cache_for_ever(
    own_tables: Tables, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "ROUND_SECONDS", 1.0)
    with SiteCache(own_tables.collector, FAST) as cache:
        (backend,) = backends(own_tables, "the sites")
        os.kill(backend, signal.SIGSTOP)
        try:
            wait_for("a warning", lambda: warnings(caplog), 20)
            key = sites.add(own_tables.owner, "shop")
            wait_for("the new site, over another connection", lambda: cache.find(key), 20)
        finally:
            os.kill(backend, signal.SIGCONT)


def test_a_postgres_that_takes_no_connection_does_not_hold_the_cache_for_ever(
    own_postgres: Postgres, own_tables: Tables, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "CONNECT_SECONDS", 2)
    postmaster = int((own_postgres.directory.resolve() / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGSTOP)
    try:
        with SiteCache(own_tables.collector, FAST) as cache:
            wait_for("a warning", lambda: warnings(caplog), 20)
            os.kill(postmaster, signal.SIGCONT)
            wait_for("the sites", lambda: cache.ready, 20)
    finally:
        os.kill(postmaster, signal.SIGCONT)


def backends(tables: Tables, what: str) -> list[Any]:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    return [row[0] for row in tables.run(tables.collector, query, f"footfall collector: {what}")]


def test_a_stopped_cache_leaves_neither_thread_nor_connection(tables: Tables) -> None:
    before = threading.active_count()
    with SiteCache(tables.collector, 3600):
        assert len(backends(tables, "the sites")) == 1
    wait_for("the end of the connection", lambda: not backends(tables, "the sites"), 10)
    assert threading.active_count() == before


def test_a_preflight_is_answered_for_origins_that_any_site_allows(tables: Tables) -> None:
    sites.add(tables.owner, "shop", Options(origins=[ORIGIN]))
    with SiteCache(tables.collector, FAST) as cache:
        assert cache.origin_known("https://SHOP.example")
        assert not cache.origin_known("https://other.example")
        assert not cache.origin_known("null")
        sites.add(tables.owner, "open", Options(origins=["*"]))
        wait_for("the site for all", lambda: cache.origin_known("https://other.example"), 10)
        sites.remove(tables.owner, "open")
        wait_for("its end", lambda: not cache.origin_known("https://other.example"), 10)


def test_a_row_that_can_not_be_read_is_reported_and_the_cache_goes_on(
    tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    key = sites.add(tables.owner, "shop")
    with SiteCache(tables.collector, FAST) as cache:
        tables.run(tables.owner, "ALTER TABLE sites RENAME goals TO aims")
        wait_for("a warning", lambda: warnings(caplog), 10)
        assert cache.find(key)
        tables.run(tables.owner, "ALTER TABLE sites RENAME aims TO goals")
        new = sites.rotate(tables.owner, "shop", FOR_EVER)
        wait_for("the new key", lambda: cache.find(new), 10)
    assert len(warnings(caplog)) == 1


@pytest.fixture
def environment(tables: Tables, tmp_path: Path) -> dict[str, str | None]:
    """In which `footfall` finds the tables."""
    given = conninfo_to_dict(tables.owner)
    return {
        "FOOTFALL_HOME": str(tmp_path), "POSTGRES_HOST": str(given["host"]), "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_DATABASE": str(given["dbname"]), "POSTGRES_OWNER_PASSWORD": str(given["password"]),
        "COLLECTOR_URL": "https://events.shop.example/",
    }  # fmt: skip


def invoke(environment: dict[str, str | None], *arguments: str, answer: str | None = None) -> Result:
    """`footfall site …` in this process."""
    return CliRunner().invoke(cli.footfall, ["site", *arguments], env=environment, input=answer)


def test_the_command_line_takes_a_site_from_its_first_key_to_its_end(
    tables: Tables, environment: dict[str, str | None]
) -> None:
    def footfall(*arguments: str) -> str:
        done = invoke(environment, *arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "no sites yet: footfall site add" in footfall("list")
    printed = footfall(
        "add", "shop", "--origin", ORIGIN, "--timezone", "Europe/Berlin", "--goal", "Order [Completed]", "--deny", "x"
    )
    (key,) = known(tables)
    assert f'<script defer src="https://events.shop.example/footfall.js" data-key="{key}"></script>\n' in printed
    for line in ("write key  " + key, "pages of   " + ORIGIN, "goals      Order [Completed]", "denied     x"):
        assert f"  {line}\n" in printed

    assert "consent    none, where an event says nothing of it" in footfall("set", "shop", "--consent", "none")
    assert "goals" not in footfall("set", "shop", "--goal", "")
    assert known(tables)[key].goals == ()
    given = ("--trait", "plan", "--trait", "age group", "--trait-floor", "20")
    assert "  traits     plan, age group, from 20 people on\n" in footfall("set", "shop", *given)
    assert "traits" not in footfall("set", "shop", "--trait", "")
    given = ("--event-property", "Signed Up=plan", "--page-parameter", "q", "--page-parameter", "id", "--page-hosts")
    printed = footfall("set", "shop", *given)
    assert "  events by  Signed Up: plan\n" in printed and "  pages by   host, q, id\n" in printed
    assert "pages by   q, id\n" in footfall("set", "shop", "--no-page-hosts")
    printed = footfall("set", "shop", "--event-property", "", "--page-parameter", "")
    assert "events by" not in printed and "pages by" not in printed
    assert footfall("list").splitlines()[1].split() == ["shop", ORIGIN, "Europe/Berlin", "none", "-", "1"]

    rotated = footfall("rotate", "shop")
    (new,) = known(tables).keys() - {key}
    assert f"write key  {new}\n" in rotated and "those before it end by 2" in rotated
    assert [line.split()[0] for line in footfall("keys", "shop").splitlines()[1:]] == [new, key]
    assert "those before it have ended" in footfall("rotate", "shop", "--overlap", "0")
    assert footfall("keys", "shop").count("no more") == 2

    assert "site shop is removed" in footfall("remove", "shop", "--yes")
    assert known(tables) == {}


def test_json_has_the_keys_and_no_secret(tables: Tables, environment: dict[str, str | None]) -> None:
    def footfall(*arguments: str) -> Any:
        return json.loads(invoke(environment, *arguments, "--json").stdout)

    added = footfall("add", "shop")
    assert added.keys() == {"site", "write_key", "snippet"}
    rotated = footfall("rotate", "shop", "--overlap", "1h")
    listed = footfall("list")
    assert [(site["site"], site["origins"], site["key_count"]) for site in listed] == [("shop", [], 2)]
    assert "pseudonym_key" not in listed[0]
    keys = footfall("keys", "shop")
    assert [key["write_key"] for key in keys] == [rotated["write_key"], added["write_key"]]
    assert keys[0]["expires_at"] is None
    assert keys[1]["expires_at"].endswith("Z")


def test_what_can_not_be_done_is_one_line_and_exit_code_1(environment: dict[str, str | None]) -> None:
    assert run("site", "add", "shop", changes=environment).returncode == 0
    again = complaint("site", "add", "shop", changes=environment)
    assert again.startswith("footfall: site shop is there already: `footfall site set shop` changes it")
    unknown = complaint("site", "keys", "shp", changes=environment)
    assert unknown == "footfall: there is no site shp; did you mean shop?"
    away = complaint("site", "list", changes={**environment, "POSTGRES_PORT": str(free_port())})
    assert "can't be reached" in away


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "My Shop"], "such as my-shop"),
        (["add", "shop", "--origin", "shop.example/cart"], "write https://shop.example, without a path"),
        (["add", "shop", "--timezone", "Berlin"], "is no time zone"),
        (["add", "shop", "--consent", "some"], "is not one of"),
        (["add", "shop", "--requests-per-second", "-1"], "is not in the range"),
        (["add", "shop", "--trait", "phone"], "says who somebody is"),
        (["set", "shop", "--trait-floor", "1"], "is not in the range"),
        (["set", "shop", "--event-property", "Signed Up"], "names no property: write EVENT=PROPERTY"),
        (["set", "shop", "--event-property", "Signed Up=email"], "says who somebody is"),
        (["set", "shop", "--page-parameter", "gclid"], "says who came or from where"),
        (["add"], "Missing argument 'NAME'"),
        (["set", "shop"], "nothing to change"),
        (["rotate", "shop", "--overlap", "1"], "write 90s, 30m, 24h or 7d"),
        (["rotate", "shop", "--overlap", "infd"], "no length of time"),
        (["rotate", "shop", "--overlap", "-1d"], "0 to 3650 days"),
    ],
)
def test_wrong_usage_is_exit_code_2(environment: dict[str, str | None], arguments: list[str], message: str) -> None:
    done = invoke(environment, *arguments)
    assert done.exit_code == 2, done.stdout
    assert message in done.stderr


def test_remove_asks_first(tables: Tables, environment: dict[str, str | None]) -> None:
    key = sites.add(tables.owner, "shop")
    refused = invoke(environment, "remove", "shop", answer="n\n")
    assert refused.exit_code == 1
    assert "Remove site shop, its 1 write key and" in refused.output
    assert known(tables).keys() == {key}
    assert invoke(environment, "remove", "shop", answer="y\n").exit_code == 0
    assert known(tables) == {}


def test_a_database_without_the_tables_says_what_to_do(postgres: Postgres) -> None:
    with pytest.raises(FootfallError, match="run `footfall up` first"):
        sites.list_sites(postgres.conninfo("postgres"))
    with pytest.raises(DatabaseError):
        read_sites(postgres.conninfo("postgres"))
