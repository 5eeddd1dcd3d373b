-- drop_partitions_before: drop the partitions that are older as a whole; a sentence for each
CREATE OR REPLACE FUNCTION drop_partitions_before(parent regclass, cutoff timestamptz) RETURNS SETOF text
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
