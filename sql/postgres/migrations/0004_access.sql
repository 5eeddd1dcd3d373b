-- Who may do what. `footfall up` makes the roles; on a server of your own, make them before you migrate:
-- footfall_owner (owns the database, runs this), footfall_writer (Flink), footfall_reader (Grafana).
-- Partitions and chunks need no grants: they are reached through their table.

-- migrate:up

DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO footfall_writer, footfall_reader', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO footfall_writer, footfall_reader;

-- INSERT … ON CONFLICT (key) DO UPDATE SET column = EXCLUDED.column: Postgres asks for SELECT on the key and on every
-- column that EXCLUDED names, which is the whole row. No DELETE: a Flink job that retracts rows fails here, and should.
GRANT SELECT, INSERT, UPDATE ON sessions, page_views_per_minute, arrivals_per_minute, late_events, rejected_events
TO footfall_writer;

GRANT SELECT ON sessions, page_views_per_minute, arrivals_per_minute, late_events, rejected_events TO footfall_reader;

-- migrate:down

REVOKE ALL ON sessions, page_views_per_minute, arrivals_per_minute, late_events, rejected_events
FROM footfall_writer, footfall_reader;
REVOKE USAGE ON SCHEMA public FROM footfall_writer, footfall_reader;
GRANT USAGE ON SCHEMA public TO PUBLIC;
DO $$
BEGIN
  EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM footfall_writer, footfall_reader', current_database());
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
END
$$;
