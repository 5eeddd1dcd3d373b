-- web_vitals_by_page: the 75th percentile of each measure by page and device, of those that were measured most; over
-- eight days, of the days that these times touch, within 1 %
--
-- Chooses the pages first, and then sums the buckets of these alone, page by page: no sorting of what is not shown.
CREATE OR REPLACE FUNCTION web_vitals_by_page(
  site_name text, begins timestamptz, ends timestamptz, page text DEFAULT '%', device text DEFAULT '%', most integer DEFAULT 50
)
RETURNS TABLE (
  page_path text, device_type text, measured_count bigint, lcp_ms double precision, inp_ms double precision,
  cls double precision
)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  first_day CONSTANT date := (begins AT TIME ZONE zone_of(site_name))::date;
  last_day CONSTANT date := ((ends - INTERVAL '1 microsecond') AT TIME ZONE zone_of(site_name))::date;
  -- whole weeks from the one Monday up to the other, and the days around them
  first_monday CONSTANT date := date_trunc('week', (first_day + 6)::timestamp)::date;
  last_monday CONSTANT date := date_trunc('week', (last_day + 1)::timestamp)::date;
BEGIN
  IF grain_of(begins, ends) = 'hour' THEN
    RETURN QUERY
      SELECT
        page_path, device_type, count(*), percentile_cont(0.75) WITHIN GROUP (ORDER BY lcp_ms::float8),
        percentile_cont(0.75) WITHIN GROUP (ORDER BY inp_ms::float8),
        percentile_cont(0.75) WITHIN GROUP (ORDER BY cls::float8)
      FROM web_vitals
      WHERE site = site_name AND event_time BETWEEN begins AND ends AND page IN ('%', page_path)
        AND device IN ('%', device_type)
      GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT most;
  ELSE
    RETURN QUERY
      WITH asked AS NOT MATERIALIZED (
        SELECT * FROM web_vital_counts
        WHERE site = site_name AND breakdown = 'page' AND (page = '%' OR page_path = page) AND device IN ('%', device_type)
          AND (
            grain = 'week' AND day >= first_monday AND day < last_monday
            OR grain = 'day' AND day >= first_day AND day < first_monday AND day <= last_day
            OR grain = 'day' AND day >= last_monday AND day >= first_day AND day <= last_day
          )
      ),
      pairs AS MATERIALIZED (
        SELECT *, row_number() OVER (ORDER BY of_pair DESC, page_path, device_type) AS place
        FROM (
          SELECT page_path, device_type, sum(measured_count)::bigint AS of_pair FROM asked
          GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT most
        ) AS m
      ),
      counts AS MATERIALIZED (
        SELECT place, a.lcp_ms, a.inp_ms, a.cls
        FROM pairs AS p
        JOIN asked AS a  -- what can be hashed, and what makes it exact
          ON coalesce(a.page_path, '') = coalesce(p.page_path, '') AND coalesce(a.device_type, '') = coalesce(p.device_type, '')
          AND a.page_path IS NOT DISTINCT FROM p.page_path AND a.device_type IS NOT DISTINCT FROM p.device_type
      )
      SELECT p.page_path, p.device_type, p.of_pair, v.lcp_ms, v.inp_ms, v.cls
      FROM pairs AS p
      CROSS JOIN LATERAL (
        SELECT
          max(value) FILTER (WHERE measure = 'lcp') AS lcp_ms, max(value) FILTER (WHERE measure = 'inp') AS inp_ms,
          max(value) FILTER (WHERE measure = 'cls') AS cls
        FROM (
          SELECT measure, (bucket_percentiles(array_agg(bucket), array_agg(n), '{0.75}'))[1] AS value
          FROM (
            SELECT measure, bucket, sum(u.n)::bigint AS n
            FROM counts AS c
            CROSS JOIN LATERAL (VALUES ('lcp', c.lcp_ms), ('inp', c.inp_ms), ('cls', c.cls)) AS m (measure, counts)
            CROSS JOIN LATERAL unnest(m.counts[1:1], m.counts[2:2]) AS u (bucket, n)
            WHERE c.place = p.place
            GROUP BY 1, 2
          ) AS b
          GROUP BY 1
        ) AS w
      ) AS v
      ORDER BY p.place;
  END IF;
END
$$;
COMMENT ON FUNCTION web_vitals_by_page IS
  'the 75th percentile of each measure by page and device, of those that were measured most; over eight days, of the days that these times touch, within 1 %';
GRANT EXECUTE ON FUNCTION web_vitals_by_page TO footfall_reader;
