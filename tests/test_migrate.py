"""`footfall migrate` on a Postgres of one's own, and whether TLS is asked for by everything that connects."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from conftest import Postgres
from psycopg.conninfo import conninfo_to_dict

from footfall import database, schema
from footfall.commands.stack import migrate
from footfall.database import DatabaseError
from footfall.grafana import source
from footfall.settings import load_settings

numbers = itertools.count(1)
COUNT = len(list(schema.MIGRATIONS.glob("*.sql")))


@pytest.fixture
def yours(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A database of the user's own, which is not there yet, as the environment names it."""
    given = {
        "FOOTFALL_HOME": str(tmp_path), "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_DATABASE": f"own_{next(numbers)}", "POSTGRES_ADMIN_PASSWORD": postgres.passwords["postgres"],
        **{f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD": postgres.passwords[role]
           for role in schema.ROLE_SETTINGS},
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
    monkeypatch.delenv("POSTGRES_ADMIN_PASSWORD")  # the owner is enough from here on
    assert (run().output, run("--dry-run").output, run("--dry-run").exit_code) == (
        "nothing to do\n", "nothing to do\n", 0,
    )  # fmt: skip
    with psycopg.connect(database.owner(load_settings()), autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = '0001'")
    done = run("--dry-run")
    assert (done.output, done.exit_code) == ("0001_partitions.sql\n", 1)


def test_an_empty_database_lacks_all_migrations(yours: Mapping[str, str], postgres: Postgres) -> None:
    settings = load_settings()
    passwords = {
        role: yours[f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD"] for role in schema.ROLE_SETTINGS
    }
    schema.bootstrap(database.admin(settings), passwords, yours["POSTGRES_DATABASE"])
    done = run("--dry-run")
    assert (len(done.output.splitlines()), done.exit_code) == (COUNT, 1)


def test_where_tls_is_asked_for_nothing_connects_without(
    yours: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run().exit_code == 0
    monkeypatch.setenv("POSTGRES_SSLMODE", "require")
    settings = load_settings()
    for address in (
        database.admin(settings), database.owner(settings), database.reader(settings), database.writer(settings),
        database.collector(settings),
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="POSTGRES_SSLMODE"), database.connect(address):
            pass  # this server has no TLS
        assert conninfo_to_dict(address)["sslmode"] == "require"
    assert schema._url(database.owner(settings))[0].endswith("sslmode=require")
    assert database.psql(settings)[1]["PGSSLMODE"] == "require"
    assert settings.values["POSTGRES_JDBC_URL"].endswith("&sslmode=require")
    assert source.wanted_source(settings)["jsonData"]["sslmode"] == "require"


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
    assert source.wanted_source(settings)["jsonData"]["sslmode"] == grafana
    assert f"sslmode={dbmate}" in schema._url(database.owner(settings))[0]
