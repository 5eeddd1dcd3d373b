-- web_vital: measured page views, and the 50th, 75th and 95th percentile of lcp_ms, inp_ms or cls, of all of these
-- times or in such steps; over eight days, of the days that they touch, by the day, within 1 %
--
-- '%' stands for all pages and devices, as in the variables of dashboards.
CREATE OR REPLACE FUNCTION web_vital(
  measure text, site_name text, begins timestamptz, ends timestamptz, page text DEFAULT '%', device text DEFAULT '%',
  every interval DEFAULT NULL
)
RETURNS TABLE (period_start timestamptz, measured_count bigint, percentiles double precision[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  IF grain_of(begins, ends) = 'hour' THEN
    RETURN QUERY
      SELECT
        coalesce(to_timestamp(floor(extract(epoch FROM event_time) / step) * step), begins), count(*),
        percentile_cont('{0.5, 0.75, 0.95}'::float8[]) WITHIN GROUP (ORDER BY value)
      FROM (
        SELECT
          event_time, extract(epoch FROM every) AS step,
          CASE measure WHEN 'lcp_ms' THEN lcp_ms WHEN 'inp_ms' THEN inp_ms WHEN 'cls' THEN cls END::float8 AS value
        FROM web_vitals
        WHERE site = site_name AND event_time BETWEEN begins AND ends AND page IN ('%', page_path)
          AND device IN ('%', device_type)
      ) AS v
      GROUP BY 1 ORDER BY 1;
  ELSE
    RETURN QUERY
      WITH days AS (
        SELECT
          CASE WHEN every IS NULL THEN begins ELSE midnight_of(site_name, day) END AS period_start, measured_count,
          CASE measure WHEN 'lcp_ms' THEN lcp_ms WHEN 'inp_ms' THEN inp_ms WHEN 'cls' THEN cls END AS counts
        FROM web_vital_counts
        WHERE site = site_name AND breakdown = CASE page WHEN '%' THEN 'device' ELSE 'page' END AND grain = 'day'
          AND day >= (begins AT TIME ZONE zone_of(site_name))::date AND midnight_of(site_name, day) < ends
          AND (page = '%' OR page_path = page) AND device IN ('%', device_type)
      )
      SELECT n.period_start, n.measured_count, p.percentiles
      FROM (SELECT period_start, sum(measured_count)::bigint AS measured_count FROM days GROUP BY 1) AS n
      LEFT JOIN (
        SELECT period_start, bucket_percentiles(array_agg(bucket), array_agg(n), '{0.5, 0.75, 0.95}') AS percentiles
        FROM (
          SELECT period_start, bucket, sum(u.n)::bigint AS n
          FROM days CROSS JOIN LATERAL unnest(counts[1:1], counts[2:2]) AS u (bucket, n)
          GROUP BY 1, 2
        ) AS b
        GROUP BY 1
      ) AS p USING (period_start)
      ORDER BY 1;
  END IF;
END
$$;
COMMENT ON FUNCTION web_vital IS
  'measured page views, and the 50th, 75th and 95th percentile of lcp_ms, inp_ms or cls, of all of these times or in such steps; over eight days, of the days that they touch, by the day, within 1 %';
GRANT EXECUTE ON FUNCTION web_vital TO footfall_reader;
