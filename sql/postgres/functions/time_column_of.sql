-- time_column_of: the column by which a table is partitioned into months
CREATE OR REPLACE FUNCTION time_column_of(parent regclass) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT a.attname::text
  FROM pg_partitioned_table AS p JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
  WHERE p.partrelid = parent
$$;
