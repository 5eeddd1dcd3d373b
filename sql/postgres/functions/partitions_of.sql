-- partitions_of: one row per partition of a table but the default one, with the times that it covers
CREATE OR REPLACE FUNCTION partitions_of(parent regclass)
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
