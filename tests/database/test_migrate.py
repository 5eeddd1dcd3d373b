"""`footfall migrate` on a Postgres of one's own, and whether TLS is asked for by everything that connects."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from conftest import Postgres
from psycopg.conninfo import conninfo_to_dict

from footfall.commands.migrate import migrate
from footfall.database import connections
from footfall.database import migrate as migration
from footfall.database.connections import DatabaseError
from footfall.grafana.sync import data_source
from footfall.settings import load_settings

numbers = itertools.count(1)
COUNT = len(list(migration.MIGRATIONS.glob("*.sql")))


@pytest.fixture
def yours(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A database of the user's own, which is not there yet, as the environment names it."""
    given = {
        "FOOTFALL_HOME": str(tmp_path), "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_DATABASE": f"own_{next(numbers)}", "POSTGRES_ADMIN_PASSWORD": postgres.passwords["postgres"],
        **{f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD": postgres.passwords[role]
           for role in migration.ROLE_SETTINGS},
    }  # fmt: skip
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("POSTGRES_SSLMODE", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def run(*arguments: str) -> Result:
    return CliRunner().invoke(migrate, list(arguments))


def test_migrate_makes_the_tables_once_and_says_what_it_did(
    yours: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run()
    assert (done.exit_code, done.output.count("applied 00"), done.output.count("made sessions_")) == (0, COUNT, 5)
    assert " functions, " in done.output and done.output.count("function") == 1
    monkeypatch.delenv("POSTGRES_ADMIN_PASSWORD")  # the owner is enough from here on
    assert (run().output, run("--dry-run").output, run("--dry-run").exit_code) == (
        "nothing to do\n", "nothing to do\n", 0,
    )  # fmt: skip
    with psycopg.connect(connections.owner(load_settings()), autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = '0044'")
        connection.execute("COMMENT ON FUNCTION zone_of IS 'mine'")
    done = run("--dry-run")
    assert (done.output, done.exit_code) == (
        "0044_schema_objects.sql\nfunction zone_of, not as it was applied\n"
        "what was edited by hand is put back: to keep it, write it into its file in sql/postgres first\n",
        1,
    )


@pytest.fixture
def empty(yours: Mapping[str, str]) -> str:
    """The owner's connection string of a database without tables."""
    settings = load_settings()
    passwords = {
        role: yours[f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD"] for role in migration.ROLE_SETTINGS
    }
    migration.bootstrap(connections.admin(settings), passwords, yours["POSTGRES_DATABASE"])
    return connections.owner(settings)


def test_an_empty_database_lacks_all_migrations_and_what_is_made_of_the_tables(empty: str) -> None:
    done = run("--dry-run")
    assert (len(done.output.splitlines()), done.exit_code) == (COUNT + 1, 1)


@pytest.mark.parametrize("missing", ["0002", "0030", "0043"])
def test_a_database_that_has_some_of_the_migrations_of_before_is_refused_in_a_line(empty: str, missing: str) -> None:
    there = [name for name in sorted(migration.BEFORE_BASELINE) if name < missing or missing == "0030" != name]
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_migrations (version varchar PRIMARY KEY)")
        connection.execute("INSERT INTO schema_migrations SELECT unnest(%s::text[])", [there])
    for arguments in ([], ["--dry-run"]):
        done = run(*arguments)
        assert isinstance(done.exception, DatabaseError)
        assert f"the database lacks {missing} of the migrations" in str(done.exception)
        assert "\n" not in str(done.exception)


def test_of_two_that_migrate_an_empty_database_at_once_one_does_it(empty: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(migration.migrate, empty) for _ in range(2)]
    assert sorted(len(one.result()) for one in both) == [0, COUNT + 1]


def test_where_tls_is_asked_for_nothing_connects_without(
    yours: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run().exit_code == 0
    monkeypatch.setenv("POSTGRES_SSLMODE", "require")
    settings = load_settings()
    for address in (
        connections.admin(settings), connections.owner(settings), connections.reader(settings),
        connections.writer(settings), connections.collector(settings),
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="POSTGRES_SSLMODE"), connections.connect(address):
            pass  # this server has no TLS
        assert conninfo_to_dict(address)["sslmode"] == "require"
    assert migration._url(connections.owner(settings))[0].endswith("sslmode=require")
    assert connections.psql(settings)[1]["PGSSLMODE"] == "require"
    assert settings.values["POSTGRES_JDBC_URL"].endswith("?sslmode=require")
    assert data_source.wanted_source(settings)["jsonData"]["sslmode"] == "require"


@pytest.mark.parametrize(
    ("given", "grafana", "dbmate"),
    [
        ({}, "disable", "disable"),
        ({"POSTGRES_SSLMODE": "prefer"}, "disable", "disable"),
        ({"PGSSLMODE": "verify-ca"}, "verify-ca", "verify-ca"),
        ({"PGSSLMODE": "disable", "POSTGRES_SSLMODE": "verify-full"}, "verify-full", "verify-full"),
        ({"POSTGRES_HOST": "db.example"}, "require", "require"),
        ({"POSTGRES_HOST": "db.example", "POSTGRES_SSLMODE": "disable"}, "disable", "disable"),
    ],
)  # fmt: skip
def test_what_knows_no_prefer_wants_tls_to_every_server_but_one_on_loopback(
    yours: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, given: dict[str, str], grafana: str, dbmate: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert data_source.wanted_source(settings)["jsonData"]["sslmode"] == grafana
    assert f"sslmode={dbmate}" in migration._url(connections.owner(settings))[0]
