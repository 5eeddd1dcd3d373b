-- Months made ahead, and what is past its retention dropped: `CALL maintain();` as the owner, once a day or more often.
-- A second call finds nothing to do. It is safe beside writers: every step is a short transaction of its own that gives
-- up after two seconds of waiting for a lock, and tries again.

-- migrate:up

CREATE TABLE retention (
  table_name text PRIMARY KEY,
  keep interval CHECK (keep > INTERVAL '0')
);
COMMENT ON TABLE retention IS 'one row per table that loses its old rows; a table without a row here is kept for ever';
COMMENT ON COLUMN retention.table_name IS 'table whose rows are dropped by age';
COMMENT ON COLUMN retention.keep IS 'age by the time column up to which rows stay; NULL = for ever';
INSERT INTO retention (table_name, keep) VALUES
  ('sessions', NULL),
  ('page_views_per_minute', NULL),
  ('arrivals_per_minute', NULL),
  ('late_events', INTERVAL '90 days'),
  ('rejected_events', INTERVAL '90 days');

CREATE FUNCTION partitions_of(parent regclass)
RETURNS TABLE (partition regclass, range_start timestamptz, range_end timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT
    i.inhrelid::regclass,
    coalesce(substring(b.bound FROM $re$FROM \('([^']+)'\)$re$)::timestamptz, '-infinity'),
    coalesce(substring(b.bound FROM $re$TO \('([^']+)'\)$re$)::timestamptz, 'infinity')
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
  CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) AS b
  WHERE i.inhparent = parent AND b.bound <> 'DEFAULT'
$$;

CREATE FUNCTION time_column_of(parent regclass) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT a.attname::text
  FROM pg_partitioned_table AS p JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
  WHERE p.partrelid = parent
$$;

CREATE FUNCTION default_partition_of(parent regclass) RETURNS regclass
LANGUAGE sql STABLE AS $$
  SELECT nullif(partdefid, 0)::regclass FROM pg_partitioned_table WHERE partrelid = parent
$$;

-- Make the partition of the month that begins at month_start, with the rows that the default partition holds of it.
CREATE FUNCTION make_month(parent regclass, month_start timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
  month_end CONSTANT timestamptz := month_start + INTERVAL '1 month';
  parent_name CONSTANT text := (SELECT relname FROM pg_class WHERE oid = parent);
  partition_name CONSTANT text := format('%s_%s', parent_name, to_char(month_start, 'YYYY_MM'));
  rest CONSTANT regclass := default_partition_of(parent);
  moved bigint := 0;
BEGIN
  IF EXISTS (SELECT FROM partitions_of(parent) WHERE range_start < month_end AND range_end > month_start) THEN
    RETURN;
  END IF;
  -- Upserts wait here, before they choose a partition. With the lock that ATTACH itself takes, one that had chosen the
  -- default partition already would wait there, and then fail: its row belongs to the new partition by now.
  EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', parent);
  IF EXISTS (SELECT FROM partitions_of(parent) WHERE range_start < month_end AND range_end > month_start) THEN
    RETURN;  -- another session made it while we waited
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %s INCLUDING ALL)', partition_name, parent);
  IF rest IS NOT NULL THEN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', rest);
    EXECUTE format(
      'WITH moved AS (DELETE FROM %1$s WHERE %2$I >= $1 AND %2$I < $2 RETURNING *)'
      ' INSERT INTO %3$I SELECT * FROM moved',
      rest, time_column_of(parent), partition_name
    ) USING month_start, month_end;
    GET DIAGNOSTICS moved = ROW_COUNT;
  END IF;
  EXECUTE format(
    'ALTER TABLE %s ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition_name, month_start, month_end
  );
  RETURN NEXT format('made %s', partition_name);
  IF moved > 0 THEN
    RETURN NEXT format(
      'moved %s %s from %s to %s', moved, CASE moved WHEN 1 THEN 'row' ELSE 'rows' END, rest, partition_name
    );
  END IF;
END
$$;

CREATE FUNCTION drop_partitions_before(parent regclass, cutoff timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  old regclass;
  old_name text;
BEGIN
  FOR old IN SELECT partition FROM partitions_of(parent) WHERE range_end <= cutoff ORDER BY range_end LOOP
    old_name := old::text;
    EXECUTE format('DROP TABLE %s', old_name);
    RETURN NEXT format('dropped %s', old_name);
  END LOOP;
END
$$;

CREATE FUNCTION delete_default_rows_before(parent regclass, cutoff timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  rest CONSTANT regclass := default_partition_of(parent);
  deleted bigint;
BEGIN
  IF rest IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format('DELETE FROM %s WHERE %I < $1', rest, time_column_of(parent)) USING cutoff;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  IF deleted > 0 THEN
    RETURN NEXT format('deleted %s %s of %s', deleted, CASE deleted WHEN 1 THEN 'row' ELSE 'rows' END, rest);
  END IF;
END
$$;

-- TimescaleDB: its own policy where the licence has policies, else what is old is dropped now.
CREATE FUNCTION keep_chunks(hypertable regclass, keep interval, moment timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  policy interval;
BEGIN
  IF current_setting('timescaledb.license', true) = 'timescale' THEN
    SELECT (j.config ->> 'drop_after')::interval INTO policy
    FROM timescaledb_information.jobs AS j
    WHERE j.proc_name = 'policy_retention'
      AND format('%I.%I', j.hypertable_schema, j.hypertable_name)::regclass = hypertable;
    IF policy IS DISTINCT FROM keep THEN
      PERFORM remove_retention_policy(hypertable, if_exists => true);
      IF keep IS NOT NULL THEN
        PERFORM add_retention_policy(hypertable, keep);
      END IF;
      RETURN NEXT format('retention policy of %s: keep %s', hypertable, coalesce(keep::text, 'for ever'));
    END IF;
  ELSIF keep IS NOT NULL THEN
    RETURN QUERY SELECT format('dropped %s', c) FROM drop_chunks(hypertable, older_than => moment - keep) AS c;
  END IF;
END
$$;

-- Every step that may be due, as a query that does it and returns sentences of what it did.
CREATE FUNCTION maintenance_steps(moment timestamptz) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET timezone = 'UTC' AS $$
BEGIN
  RETURN QUERY
    SELECT format('SELECT %L', format('retention names %s, which is no table', r.table_name))
    FROM retention AS r WHERE to_regclass(format('%I', r.table_name)) IS NULL;
  RETURN QUERY
    WITH kept AS (
      SELECT c.oid::regclass AS parent, moment - r.keep AS cutoff
      FROM pg_class AS c LEFT JOIN retention AS r ON r.table_name = c.relname
      WHERE c.relkind = 'p' AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace
    ),
    months AS (
      SELECT date_trunc('month', moment) + n * INTERVAL '1 month' AS month_start FROM generate_series(-1, 3) AS n
    )
    SELECT format('SELECT make_month(%L, %L)', parent, month_start) FROM kept CROSS JOIN months
    WHERE cutoff IS NULL OR month_start + INTERVAL '1 month' > cutoff
    UNION ALL
    SELECT format('SELECT drop_partitions_before(%L, %L)', parent, cutoff) FROM kept WHERE cutoff IS NOT NULL
    UNION ALL
    SELECT format('SELECT delete_default_rows_before(%L, %L)', parent, cutoff) FROM kept WHERE cutoff IS NOT NULL;
  IF to_regclass('timescaledb_information.hypertables') IS NOT NULL THEN
    RETURN QUERY
      SELECT format(
        'SELECT keep_chunks(%L, %L, %L)', format('%I.%I', h.hypertable_schema, h.hypertable_name), r.keep, moment
      )
      FROM timescaledb_information.hypertables AS h LEFT JOIN retention AS r ON r.table_name = h.hypertable_name
      WHERE h.hypertable_schema = current_schema();
  END IF;
END
$$;

-- Say what was done as INFO messages: a client shows them at every message level, and nothing else is of that level.
CREATE PROCEDURE maintain(moment timestamptz DEFAULT now())
LANGUAGE plpgsql AS $$
DECLARE
  step text;
  sentence text;
BEGIN
  FOR step IN SELECT s FROM maintenance_steps(moment) AS s LOOP
    FOR attempt IN 1..10 LOOP
      BEGIN
        FOR sentence IN EXECUTE step LOOP
          RAISE INFO '%', sentence;
        END LOOP;
        EXIT;
      EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        IF attempt = 10 THEN
          RAISE;
        END IF;
        PERFORM pg_sleep(0.1 * attempt);  -- with no lock held: whoever was in the way goes on
      END;
    END LOOP;
    COMMIT;
  END LOOP;
END
$$;

-- migrate:down

DROP PROCEDURE maintain;
DROP FUNCTION maintenance_steps, keep_chunks, delete_default_rows_before, drop_partitions_before, make_month;
DROP FUNCTION default_partition_of, time_column_of, partitions_of;
DROP TABLE retention;
