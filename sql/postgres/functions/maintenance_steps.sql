-- maintenance_steps: every step that may be due, as a query that does it and returns sentences of what it did
CREATE OR REPLACE FUNCTION maintenance_steps(moment timestamptz) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET timezone = 'UTC' AS $$
BEGIN
  RETURN QUERY
    SELECT format('SELECT %L', format('data_retention names %s, which is no table', r.table_name))
    FROM data_retention AS r WHERE to_regclass(format('%I', r.table_name)) IS NULL;
  RETURN QUERY
    WITH kept AS (
      SELECT c.oid::regclass AS parent, moment - r.keep AS cutoff
      FROM pg_class AS c LEFT JOIN data_retention AS r ON r.table_name = c.relname
      WHERE c.relkind = 'p' AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace
    ),
    months AS (
      SELECT date_trunc('month', moment) + n * INTERVAL '1 month' AS month_start FROM generate_series(-1, 3) AS n
    )
    SELECT format('SELECT make_month_partition(%L, %L)', parent, month_start) FROM kept CROSS JOIN months
    WHERE cutoff IS NULL OR month_start + INTERVAL '1 month' > cutoff
    UNION ALL
    SELECT format('SELECT drop_partitions_before(%L, %L)', parent, cutoff) FROM kept WHERE cutoff IS NOT NULL
    UNION ALL
    SELECT format('SELECT delete_default_rows_before(%L, %L)', parent, cutoff) FROM kept WHERE cutoff IS NOT NULL;
  IF to_regclass('timescaledb_information.hypertables') IS NOT NULL THEN
    RETURN QUERY
      SELECT format(
        'SELECT expire_chunks(%L, %L, %L)', format('%I.%I', h.hypertable_schema, h.hypertable_name), r.keep, moment
      )
      FROM timescaledb_information.hypertables AS h LEFT JOIN data_retention AS r ON r.table_name = h.hypertable_name
      WHERE h.hypertable_schema = current_schema();
  END IF;
END
$$;
