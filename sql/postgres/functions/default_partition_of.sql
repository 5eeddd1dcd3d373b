-- default_partition_of: the partition of a table that takes what no month covers; NULL where it has none
CREATE OR REPLACE FUNCTION default_partition_of(parent regclass) RETURNS regclass
LANGUAGE sql STABLE AS $$
  SELECT nullif(partdefid, 0)::regclass FROM pg_partitioned_table WHERE partrelid = parent
$$;
