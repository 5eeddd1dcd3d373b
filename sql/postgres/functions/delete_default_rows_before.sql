-- delete_default_rows_before: delete the rows of the default partition that are older; a sentence if there were any
CREATE OR REPLACE FUNCTION delete_default_rows_before(parent regclass, cutoff timestamptz) RETURNS SETOF text
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
