"""The sink in flink/ on a Flink of its own, against a real Postgres: what is refused, and what is waited for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from conftest import Postgres, Tables, database_with_tables, free_port, open_folder

from footfall.database import connections
from footfall.deploy.refused_rows import take_refused
from footfall.planner.jvm import quick_jvm
from footfall.settings import Settings
from footfall.stack import postgres as server

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment

OUTAGE_SECONDS, AGAIN_SECONDS = 3, 30
NUL = "U&'a\\0000b'"


@pytest.fixture(scope="module")
def flink() -> TableEnvironment:
    """Runs each job within this process; a job that fails is not started again."""
    quick_jvm()
    from pyflink.common import Configuration
    from pyflink.table import EnvironmentSettings, TableEnvironment

    options = {
        "execution.target": "local",
        "parallelism.default": "1",
        "restart-strategy.type": "disable",
        "execution.checkpointing.interval": "1 s",
        "table.local-time-zone": "UTC",
    }
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
    return TableEnvironment.create(settings)


class Sink:
    """A table of Postgres and its counterpart in Flink, which has the same name."""

    def __init__(self, flink: TableEnvironment, tables: Tables, postgres: Postgres, name: str, *, made: str, as_: str):
        """made: the columns and constraints in Postgres; as_: those in Flink."""
        self.flink, self.tables, self.name = flink, tables, name
        tables.run(tables.owner, f"CREATE TABLE {name} ({made})")
        tables.run(tables.owner, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO footfall_writer")
        dbname = psycopg.conninfo.conninfo_to_dict(tables.owner)["dbname"]
        options = {
            "connector": "postgres",
            "url": f"jdbc:postgresql://127.0.0.1:{postgres.port}/{dbname}",
            "table-name": name,
            "username": "footfall_writer",
            "password": postgres.passwords[connections.WRITER],
            "sink.buffer-flush.interval": "100 ms",
        }
        written = ", ".join(f"'{key}' = '{value.replace(chr(39), chr(39) * 2)}'" for key, value in options.items())
        flink.execute_sql(f"CREATE TEMPORARY TABLE {name} ({as_}) WITH ({written})")

    def write(self, query: str) -> None:
        """Run a job that writes what a query finds, to its end."""
        self.start(query).wait()

    def start(self, query: str):  # type: ignore[no-untyped-def]
        return self.flink.execute_sql(f"INSERT INTO {self.name} {query} ON CONFLICT DO DEDUPLICATE")

    def rows(self, columns: str = "*") -> list[tuple[object, ...]]:
        return self.tables.run(self.tables.owner, f"SELECT {columns} FROM {self.name} ORDER BY 1")


@pytest.fixture
def odd(flink: TableEnvironment, tables: Tables, postgres: Postgres) -> Iterator[Sink]:
    """A table that refuses rows in every way: for their type, length, index, constraints, and by a trigger."""
    sink = Sink(
        flink, tables, postgres, "odd",
        made="id bigint PRIMARY KEY, text text NOT NULL UNIQUE, short varchar(5),"
        " amount numeric(4, 1) CHECK (amount > 0)",
        as_="id BIGINT, text STRING, short STRING, amount DECIMAL(20, 2), PRIMARY KEY (id) NOT ENFORCED",
    )  # fmt: skip
    tables.run(
        tables.owner,
        "CREATE FUNCTION no_seven() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.id = 7 THEN RAISE EXCEPTION 'not seven'; END IF; RETURN NEW; END $$;"
        " CREATE TRIGGER no_seven BEFORE INSERT ON odd FOR EACH ROW EXECUTE FUNCTION no_seven()",
    )
    yield sink
    flink.execute_sql("DROP TEMPORARY TABLE odd")


def cases(**texts: str) -> str:
    """A query of 3,000 rows that are fine but for these: by id, what stands in the place of (text, short, amount)."""
    row = "CAST(ROW({}) AS ROW<t STRING, s STRING, a DECIMAL(20, 2)>)"
    bad = " ".join(f"WHEN id = {id_[1:]} THEN {row.format(values)}" for id_, values in texts.items())
    fine = row.format("'t' || CAST(id AS STRING), 'abc', 1.5")
    ids = "SELECT CAST(1000 * a + 100 * b + 10 * c + d AS BIGINT) AS id FROM (VALUES 0, 1, 2) AS t1 (a)" + "".join(
        f" CROSS JOIN (VALUES 0, 1, 2, 3, 4, 5, 6, 7, 8, 9) AS t_{name} ({name})" for name in "bcd"
    )
    return f"SELECT id, x.r.t, x.r.s, x.r.a FROM (SELECT id, CASE {bad} ELSE {fine} END AS r FROM ({ids})) AS x"


def test_rows_that_are_refused_are_written_down_with_their_reason_and_all_others_are_written(
    odd: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = "".join(chr(0x4E00 + 7919 * n % 20000) for n in range(1500))  # which does not compress
    query = cases(
        _7="'x7', 'abc', 1", _11=f"{NUL}, 'abc', 1", _12="'x12', 'too long', 1",
        _13="'x13', 'abc', 12345.6", _14="'x14', 'abc', -1",
        _15="'t16', 'abc', 1", _2999=f"'{wide}', 'abc', 1",
        _20="'\"q\\{},NULL', 'null', 1",
    )  # fmt: skip
    before = database_time(odd.tables)
    for _ in range(2):  # a replay doubles nothing
        odd.write(query)
        found = odd.tables.run(
            odd.tables.reader, "SELECT key ->> 'id', reason, original FROM refused_rows WHERE table_name = 'odd'"
        )
        reasons = {str(key): str(reason) for key, reason, _ in found}
        # Of the two rows with one text, whichever comes second is refused.
        twin = reasons.pop("15", None) or reasons.pop("16")
        assert "duplicate key" in twin and twin.endswith("(23505)")
        expected = {
            "7": "not seven (P0001)", "11": "(22021)", "12": "too long for type character varying(5) (22001)",
            "13": "numeric field overflow (22003)", "14": 'violates check constraint "odd_amount_check" (23514)',
            "2999": "(54000)",
        }  # fmt: skip
        assert reasons.keys() == expected.keys()
        assert all(end in reasons[key] for key, end in expected.items())
        assert len(odd.rows()) == 3000 - 7
    [original] = [original for key, _, original in found if key == "11"]
    assert original == {"id": "11", "text": "a\ufffdb", "short": "abc", "amount": "1.00"}
    assert odd.tables.run(odd.tables.owner, "SELECT text FROM odd WHERE id = 20") == [('"q\\{},NULL',)]
    monkeypatch.setattr(connections, "owner", lambda _: odd.tables.owner)
    settings = Settings(Path(), {})
    assert take_refused(settings, ["other"], before) == []
    taken = take_refused(settings, ["odd", "other"], before)
    assert len(taken) == 7 and "Postgres refused 1 row of odd: not seven (P0001)" in taken
    assert odd.tables.run(odd.tables.owner, "SELECT * FROM refused_rows") == []


def database_time(tables: Tables):  # type: ignore[no-untyped-def]
    [[now]] = tables.run(tables.owner, "SELECT clock_timestamp()")
    return now


def test_where_all_rows_are_refused_all_are_written_down(odd: Sink) -> None:
    odd.tables.run(odd.tables.owner, "ALTER TABLE odd ADD CHECK (id < 0)")
    odd.write(cases(_0="'t', 'abc', 1"))
    assert odd.rows() == []
    assert odd.tables.run(odd.tables.reader, "SELECT count(*) FROM refused_rows WHERE table_name = 'odd'") == [(3000,)]


def test_every_type_and_any_name_is_written_as_it_is(
    flink: TableEnvironment, tables: Tables, postgres: Postgres
) -> None:
    sink = Sink(
        flink, tables, postgres, "kinds",
        made='"user" text PRIMARY KEY, "End" timestamptz, moment timestamptz, day date, hour time, flag boolean,'
        " small smallint, whole int, amount numeric, ratio double precision, raw_value bytea, document jsonb, id uuid",
        as_="`user` STRING, `End` TIMESTAMP(3), moment TIMESTAMP_LTZ(3), `day` DATE, `hour` TIME, flag BOOLEAN,"
        " small SMALLINT, whole INT, amount DECIMAL(38, 4), ratio DOUBLE, raw_value BYTES, document STRING, id STRING,"
        " PRIMARY KEY (`user`) NOT ENFORCED",
    )  # fmt: skip
    sink.write(
        "SELECT 'a', TIMESTAMP '2026-11-29 10:00:00.001', CAST(TIMESTAMP '2026-11-29 10:00:00' AS TIMESTAMP_LTZ(3)),"
        " DATE '2026-11-29', TIME '10:00:00', true, CAST(-1 AS SMALLINT), 2, CAST(1.5 AS DECIMAL(38, 4)),"
        " CAST('NaN' AS DOUBLE), x'00ff', '{\"a\": [1]}', '6f0e8e2a-0000-4000-8000-000000000000'"
    )
    shown = sink.rows(
        '"user", "End"::text, moment::text, day::text, hour::text, flag, small, whole, amount::text, ratio::text'
    )
    assert shown == [
        ("a", "2026-11-29 10:00:00.001+00", "2026-11-29 10:00:00+00", "2026-11-29", "10:00:00", True, -1, 2, "1.5000",
         "NaN")
    ]  # fmt: skip
    assert sink.rows("document, id::text, raw_value") == [
        ({"a": [1]}, "6f0e8e2a-0000-4000-8000-000000000000", b"\x00\xff")
    ]


def test_rows_that_are_taken_back_are_removed(flink: TableEnvironment, tables: Tables, postgres: Postgres) -> None:
    sink = Sink(
        flink, tables, postgres, "once", made="name text PRIMARY KEY, n bigint",
        as_="name STRING, n BIGINT, PRIMARY KEY (name) NOT ENFORCED",
    )  # fmt: skip
    tables.run(tables.owner, "INSERT INTO once VALUES ('b', 1)")
    sink.write("SELECT name, COUNT(*) FROM (VALUES 'a', 'b', 'b') AS t (name) GROUP BY name HAVING COUNT(*) < 2")
    assert sink.rows() == [("a", 1)]


@pytest.mark.parametrize(
    ("column", "options", "message"),
    [
        ("a INT", "'url' = 'jdbc:postgresql:x', 'table-name' = 't'", "a_sink has no key: write PRIMARY KEY"),
        ("a INT, PRIMARY KEY (a) NOT ENFORCED", "'table-name' = 't'", "Missing required options are:\n\nurl"),
        ("a INT, PRIMARY KEY (a) NOT ENFORCED", "'url' = 'jdbc:mysql:x', 'table-name' = 't'",
         "no address of PostgreSQL"),
        ("a INT, PRIMARY KEY (a) NOT ENFORCED", "'url' = 'jdbc:postgresql:x', 'table-name' = 't', 'sink.x' = '1'",
         "Unsupported options:\n\nsink.x"),
        ("a INT, b ARRAY<INT>, PRIMARY KEY (a) NOT ENFORCED", "'url' = 'jdbc:postgresql:x', 'table-name' = 't'",
         "found b ARRAY<INT>, which can't be written to Postgres"),
    ],
)  # fmt: skip
def test_a_table_that_can_not_be_written_is_refused_when_a_job_is_planned(
    flink: TableEnvironment, column: str, options: str, message: str
) -> None:
    flink.execute_sql(f"CREATE TEMPORARY TABLE a_sink ({column}) WITH ('connector' = 'postgres', {options})")
    try:
        with pytest.raises(Exception, match="(?s)" + message.replace("(", r"\(")) as caught:
            flink.explain_sql(
                f"INSERT INTO a_sink SELECT 1{', ARRAY[1]' if 'ARRAY' in column else ''} ON CONFLICT DO DEDUPLICATE"
            )
        assert "secret" not in str(caught.value)
    finally:
        flink.execute_sql("DROP TEMPORARY TABLE a_sink")


@pytest.fixture(scope="module")
def full_disk() -> Iterator[Postgres]:
    """A server whose data lie on a file system that can be filled."""
    folder = open_folder()
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "none", str(disk)], capture_output=True
    )
    passwords = {role: f"secret of {role}" for role in ("postgres", *server_roles())}
    running = Postgres(
        disk / "data" if not mounted.returncode else folder / "data", free_port(), folder / "log", passwords
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()
        if not mounted.returncode:
            subprocess.run(["umount", str(disk)], check=True)
        shutil.rmtree(folder)


def server_roles() -> list[str]:
    from footfall.database import migrate

    return list(migrate.ROLE_SETTINGS)


def admin(running: Postgres, tables: Tables, *statements: str) -> None:
    dbname = psycopg.conninfo.conninfo_to_dict(tables.owner)["dbname"]
    with psycopg.connect(running.conninfo("postgres", dbname), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextlib.contextmanager
def stopped(running: Postgres, _: Tables) -> Iterator[None]:
    with running.away():
        yield


@contextlib.contextmanager
def killed(running: Postgres, _: Tables) -> Iterator[None]:
    pid = server.is_running(running.directory)
    assert pid
    psutil.Process(pid).kill()
    try:
        yield
    finally:
        running.start()


@contextlib.contextmanager
def halted(running: Postgres, _: Tables) -> Iterator[None]:
    pid = server.is_running(running.directory)
    assert pid
    processes = [psutil.Process(pid), *psutil.Process(pid).children()]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # a connection that has just ended
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@contextlib.contextmanager
def logins_refused(running: Postgres, tables: Tables) -> Iterator[None]:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'footfall_writer'"
    admin(running, tables, "ALTER ROLE footfall_writer NOLOGIN", end)
    try:
        yield
    finally:
        admin(running, tables, "ALTER ROLE footfall_writer LOGIN")


@contextlib.contextmanager
def table_missing(running: Postgres, tables: Tables) -> Iterator[None]:
    admin(running, tables, "ALTER TABLE numbers RENAME TO later")
    try:
        yield
    finally:
        admin(running, tables, "ALTER TABLE later RENAME TO numbers")


@contextlib.contextmanager
def column_missing(running: Postgres, tables: Tables) -> Iterator[None]:
    admin(running, tables, "ALTER TABLE numbers RENAME text TO later")
    try:
        yield
    finally:
        admin(running, tables, "ALTER TABLE numbers RENAME later TO text")


@contextlib.contextmanager
def right_missing(running: Postgres, tables: Tables) -> Iterator[None]:
    admin(running, tables, "REVOKE ALL ON numbers FROM footfall_writer")
    try:
        yield
    finally:
        admin(running, tables, "GRANT SELECT, INSERT, UPDATE ON numbers TO footfall_writer")


@contextlib.contextmanager
def no_space(running: Postgres, _: Tables) -> Iterator[None]:
    disk = running.directory.parent
    if not os.path.ismount(disk):
        pytest.skip("no file system can be mounted here")
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    try:
        yield
    finally:
        filler.unlink()


OUTAGES = (stopped, killed, halted, logins_refused, table_missing, column_missing, right_missing, no_space)


@pytest.fixture
def numbers(flink: TableEnvironment, full_disk: Postgres) -> Iterator[Sink]:
    """A table, and a source of 200 numbers a second."""
    with contextlib.contextmanager(database_with_tables)(full_disk) as tables:
        tables.stays = False
        flink.execute_sql(
            "CREATE TEMPORARY TABLE counted (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200',"
            " 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '100000')"
        )
        yield Sink(
            flink, tables, full_disk, "numbers", made="n bigint PRIMARY KEY, text text, seen int DEFAULT 1",
            as_="n BIGINT, text STRING, PRIMARY KEY (n) NOT ENFORCED",
        )  # fmt: skip
        flink.execute_sql("DROP TEMPORARY TABLE counted")
        flink.execute_sql("DROP TEMPORARY TABLE numbers")


QUERY = "SELECT n, REPEAT('x', 1000) FROM counted"


def newest(sink: Sink) -> int:
    [[n]] = sink.tables.run(sink.tables.owner, "SELECT coalesce(max(n), 0) FROM numbers")
    return int(str(n))


def await_rows(sink: Sink, after: int) -> int:
    """The newest row once there are newer ones than that."""
    deadline = time.monotonic() + AGAIN_SECONDS
    while (n := newest(sink)) <= after:
        assert time.monotonic() < deadline, "no rows flow"
        time.sleep(0.1)
    return n


def end(client) -> float:  # type: ignore[no-untyped-def]
    """Cancel a job; the seconds that it took."""
    begun = time.monotonic()
    client.cancel().result()
    with pytest.raises(Exception, match="Job was cancelled"):
        client.get_job_execution_result().result()
    return time.monotonic() - begun


def test_whatever_happens_to_postgres_a_job_waits_and_resumes_by_itself(full_disk: Postgres, numbers: Sink) -> None:
    client = numbers.start(QUERY).get_job_client()
    seen = await_rows(numbers, 0)
    outages: list[Callable[[Postgres, Tables], contextlib.AbstractContextManager[None]]] = list(OUTAGES)
    for outage in outages:
        with outage(full_disk, numbers.tables):
            time.sleep(OUTAGE_SECONDS)  # so long it lasts
        before = newest(numbers)
        assert before < seen + 200 * (OUTAGE_SECONDS + AGAIN_SECONDS)
        seen = await_rows(numbers, before)
        assert str(client.get_job_status().result()) == "JobStatus.RUNNING", outage.__name__
    end(client)
    [[rows, last]] = numbers.tables.run(numbers.tables.owner, "SELECT count(*), max(n) FROM numbers")
    assert rows == last  # none is missing
    assert numbers.tables.run(numbers.tables.owner, "SELECT * FROM refused_rows") == []


def test_a_job_that_waits_can_be_cancelled_at_once(full_disk: Postgres, numbers: Sink) -> None:
    client = numbers.start(QUERY).get_job_client()
    await_rows(numbers, 0)
    with halted(full_disk, numbers.tables):
        time.sleep(OUTAGE_SECONDS)
        assert end(client) < 20
