-- refresh_web_vitals: recompute the days and weeks of which a measured page view was written since the last call;
-- returns how many days
CREATE OR REPLACE FUNCTION refresh_web_vitals() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  days bigint;
BEGIN
  IF NOT take_queue('web_vital_refresh_queue', 'queued_vitals') THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_vital_days ON COMMIT DROP AS
    WITH minutes AS (SELECT DISTINCT site, date_trunc('minute', event_time) AS minute FROM queued_vitals)
    SELECT site, day, date_trunc('week', day::timestamp)::date AS week
    FROM (SELECT DISTINCT site, (minute AT TIME ZONE zone_of(site))::date AS day FROM minutes) AS d;
  GET DIAGNOSTICS days = ROW_COUNT;
  ANALYZE changed_vital_days;

  CREATE TEMPORARY TABLE vital_buckets ON COMMIT DROP AS
    SELECT
      c.site, CASE grouping(v.page_path) WHEN 0 THEN 'page' ELSE 'device' END AS breakdown, 'day' AS grain, c.day,
      v.page_path, v.device_type, m.measure, m.bucket, count(*) AS n
    FROM changed_vital_days AS c
    CROSS JOIN LATERAL (
      SELECT * FROM web_vitals AS w WHERE w.site = c.site
        AND w.event_time >= midnight_of(c.site, c.day) AND w.event_time < midnight_of(c.site, c.day + 1) OFFSET 0
    ) AS v
    CROSS JOIN LATERAL (VALUES
      ('all', 0), ('lcp', bucket_of(v.lcp_ms::float8)), ('inp', bucket_of(v.inp_ms::float8)), ('cls', bucket_of(v.cls::float8))
    ) AS m (measure, bucket)
    WHERE m.bucket IS NOT NULL
    GROUP BY GROUPING SETS (
      (c.site, c.day, v.page_path, v.device_type, m.measure, m.bucket), (c.site, c.day, v.device_type, m.measure, m.bucket)
    );
  DELETE FROM web_vital_counts AS w USING changed_vital_days AS c
  WHERE w.site = c.site AND w.grain = 'day' AND w.day = c.day;
  INSERT INTO web_vital_counts SELECT * FROM web_vital_rows();

  TRUNCATE vital_buckets;
  INSERT INTO vital_buckets
  SELECT w.site, w.breakdown, 'week', c.week, w.page_path, w.device_type, m.measure, u.bucket, sum(u.n)
  FROM (SELECT DISTINCT site, week FROM changed_vital_days) AS c
  JOIN web_vital_counts AS w
    ON w.site = c.site AND w.breakdown = 'page' AND w.grain = 'day' AND w.day BETWEEN c.week AND c.week + 6
  CROSS JOIN LATERAL (VALUES
    ('all', ARRAY[ARRAY[0], ARRAY[w.measured_count::integer]]), ('lcp', w.lcp_ms), ('inp', w.inp_ms), ('cls', w.cls)
  ) AS m (measure, counts)
  CROSS JOIN LATERAL unnest(m.counts[1:1], m.counts[2:2]) AS u (bucket, n)
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
  DELETE FROM web_vital_counts AS w USING changed_vital_days AS c
  WHERE w.site = c.site AND w.grain = 'week' AND w.day = c.week;
  INSERT INTO web_vital_counts SELECT * FROM web_vital_rows();
  RETURN days;
END
$$;
COMMENT ON FUNCTION refresh_web_vitals IS
  'recompute the days and weeks of which a measured page view was written since the last call; returns how many days';
