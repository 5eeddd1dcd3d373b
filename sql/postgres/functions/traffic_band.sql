-- traffic_band: page views of each minute, none included, and what the same minute of the last weeks lets expect:
-- median and deviation
--
-- The deviation comes by a join: looked up for each minute by itself, it would take too long for weeks of minutes.
CREATE OR REPLACE FUNCTION traffic_band(site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4)
RETURNS TABLE (minute timestamptz, page_view_count bigint, expected double precision, deviation double precision)
LANGUAGE sql STABLE AS $$
  WITH minutes AS (
    SELECT m FROM generate_series(date_trunc('minute', begins), ends - INTERVAL '1 microsecond', INTERVAL '1 minute') AS m
  ),
  here AS MATERIALIZED (
    SELECT zone_of(site_name) AS zone, min(window_start) AS first_minute FROM page_views_per_minute WHERE site = site_name
  ),
  wanted AS (
    SELECT m, 0 AS week, m AS source FROM minutes
    UNION ALL
    -- The same time of day: across a change of daylight saving, that is not a multiple of 24 hours ago.
    SELECT m, w, (m AT TIME ZONE zone - w * INTERVAL '7 days') AT TIME ZONE zone
    FROM here CROSS JOIN minutes CROSS JOIN generate_series(1, weeks) AS w
  ),
  counted AS (
    SELECT w.m, w.week, coalesce(sum(p.page_view_count), 0)::bigint AS n
    FROM wanted AS w CROSS JOIN here
    LEFT JOIN page_views_per_minute AS p ON p.site = site_name AND p.window_start = w.source
    WHERE w.week = 0 OR w.source >= here.first_minute
    GROUP BY w.m, w.week
  ),
  medians AS (
    SELECT
      m, max(n) FILTER (WHERE week = 0) AS n, count(*) FILTER (WHERE week > 0) AS past,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY n::float8) FILTER (WHERE week > 0) AS median
    FROM counted GROUP BY m
  )
  SELECT
    d.m, d.n, d.median,
    -- 1.4826 makes of a median deviation a standard deviation; counts scatter by their root at least.
    greatest(
      1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(c.n - d.median)),
      sqrt(d.median), 1)
  FROM medians AS d JOIN counted AS c ON c.m = d.m AND c.week > 0
  WHERE d.past >= 2
  GROUP BY d.m, d.n, d.median
  ORDER BY d.m
$$;
COMMENT ON FUNCTION traffic_band IS
  'page views of each minute, none included, and what the same minute of the last weeks lets expect: median and deviation';
GRANT EXECUTE ON FUNCTION traffic_band TO footfall_reader;
