-- make_month_partition: make the partition of the month that begins at month_start, with the rows that the default
-- partition holds of it
CREATE OR REPLACE FUNCTION make_month_partition(parent regclass, month_start timestamptz) RETURNS SETOF text
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
