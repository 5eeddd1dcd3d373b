"""The maintenance that goes on: traffic within seconds, and a database that is away for a while."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

from conftest import Postgres, Tables
from e2e.helpers import wait_for
from metric_rows import add_session, at
from psycopg.conninfo import conninfo_to_dict

from footfall.settings import ROOT, load_settings
from footfall.stack import maintain


def test_what_is_written_is_rolled_up_even_after_the_database_was_away(
    own_postgres: Postgres, own_tables: Tables
) -> None:
    given = conninfo_to_dict(own_tables.owner)
    environment = {
        **load_settings().environment(),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_DATABASE": str(given["dbname"]),
        "POSTGRES_OWNER_PASSWORD": str(given["password"]),
        "FLINK_REST_ADDRESS": "127.0.0.1:9",
    }
    lines: list[str] = []
    command = [sys.executable, "-m", "footfall.cli", "maintain", "--every", "0.2s"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        reading = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
        reading.start()
        try:

            def counted() -> int:
                query = "SELECT sum(visit_count) FROM traffic WHERE (grain, breakdown) = ('day', 'channel')"
                [[visits]] = own_tables.run(own_tables.reader, query)
                return int(str(visits or 0))

            add_session(own_tables, "a", start=at("12:00:00"))
            wait_for("the first visit", lambda: counted() == 1)
            own_tables.close()
            with own_postgres.away():
                wait_for("a word about it", lambda: any("can't be reached" in line for line in lines))
                seen = len(lines)
                time.sleep(1)  # five more tries
                assert len(lines) == seen
            add_session(own_tables, "b", start=at("12:00:00"))
            wait_for("the second visit", lambda: counted() == 2)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            reading.join()
    assert process.returncode == 0
    assert "Traceback" not in "".join(lines)


def test_refreshing_takes_no_more_than_a_tenth_of_the_time() -> None:
    every = timedelta(seconds=15)
    assert [maintain.pause(every, took) for took in (0, 1, 20)] == [15, 15, 180]
