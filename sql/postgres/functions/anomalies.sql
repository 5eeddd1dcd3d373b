-- anomalies: stretches of minutes with more or fewer page views than the band allows: size is the largest distance in
-- deviations
CREATE OR REPLACE FUNCTION anomalies(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (started timestamptz, ended timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  WITH runs AS (
    SELECT *, minute - row_number() OVER (PARTITION BY u.direction ORDER BY minute) * INTERVAL '1 minute' AS run
    FROM unusual_minutes(site_name, begins, ends, weeks, tolerance) AS u
  )
  SELECT
    min(minute), max(minute) + INTERVAL '1 minute', r.direction, sum(r.page_view_count)::bigint, sum(r.expected),
    max(r.size)
  FROM runs AS r GROUP BY r.direction, run ORDER BY 1
$$;
COMMENT ON FUNCTION anomalies IS
  'stretches of minutes with more or fewer page views than the band allows: size is the largest distance in deviations';
GRANT EXECUTE ON FUNCTION anomalies TO footfall_reader;
