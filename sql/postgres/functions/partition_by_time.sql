-- partition_by_time: partition a table by its time: monthly partitions on plain PostgreSQL, chunks on TimescaleDB
--
-- To be called by the migration that makes the table, once, after it is declared PARTITION BY RANGE (time_column):
-- `footfall migrate` has this function in force before the first migration. It asks for TimescaleDB's extension, which
-- `footfall up` puts into the database of a server that preloads it.
CREATE OR REPLACE FUNCTION partition_by_time(table_name text, time_column text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  key_columns text[];
  order_by text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    -- What no month covers still has a place: loaded history, odd clocks, a month that was not made in advance.
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', table_name || '_default', table_name);
    RETURN;
  END IF;

  -- A hypertable can't be made of a partitioned table. The detour over a schema keeps the names of indexes.
  CREATE SCHEMA footfall_conversion;
  EXECUTE format('ALTER TABLE %I SET SCHEMA footfall_conversion', table_name);
  EXECUTE format('CREATE TABLE %1$I (LIKE footfall_conversion.%1$I INCLUDING ALL)', table_name);
  EXECUTE format(
    'COMMENT ON TABLE %I IS %L', table_name,
    obj_description(format('footfall_conversion.%I', table_name)::regclass, 'pg_class')
  );
  EXECUTE format('DROP TABLE footfall_conversion.%I', table_name);
  DROP SCHEMA footfall_conversion;
  PERFORM create_hypertable(
    table_name::regclass, by_range(time_column, INTERVAL '30 days'), create_default_indexes => false
  );

  IF current_setting('timescaledb.license', true) = 'timescale' THEN
    SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum)) INTO key_columns
    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = table_name::regclass AND i.indisprimary;
    -- An upsert finds its row in a columnar chunk by segment and order: together they hold the whole key.
    SELECT string_agg(format('%I', c) || CASE c WHEN time_column THEN ' DESC' ELSE '' END, ', ' ORDER BY n)
    INTO order_by
    FROM unnest(key_columns) WITH ORDINALITY AS k (c, n) WHERE c <> 'site';
    EXECUTE format(
      'ALTER TABLE %I SET (timescaledb.enable_columnstore = true, timescaledb.orderby = %L%s)', table_name, order_by,
      CASE WHEN 'site' = ANY (key_columns) THEN ', timescaledb.segmentby = ''site''' ELSE '' END
    );
    CALL add_columnstore_policy(table_name::regclass, after => INTERVAL '7 days');
  END IF;
END
$$;
