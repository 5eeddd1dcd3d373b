-- Minutes that are not as they should be: what the last weeks let expect of each, and what was otherwise.

-- migrate:up

CREATE FUNCTION traffic_band(site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4)
RETURNS TABLE (minute timestamptz, page_view_count bigint, expected double precision, deviation double precision)
LANGUAGE sql STABLE AS $$
  WITH minutes AS (
    SELECT m FROM generate_series(date_trunc('minute', begins), ends - INTERVAL '1 microsecond', INTERVAL '1 minute') AS m
  ),
  since AS (SELECT min(window_start) AS first_minute FROM page_views_per_minute WHERE site = site_name),
  wanted AS (
    SELECT m, 0 AS week, m AS source FROM minutes
    UNION ALL
    -- The same time of day: across a change of daylight saving, that is not a multiple of 24 hours ago.
    SELECT m, w, (m AT TIME ZONE zone_of(site_name) - w * INTERVAL '7 days') AT TIME ZONE zone_of(site_name)
    FROM minutes CROSS JOIN generate_series(1, weeks) AS w
  ),
  counted AS (
    SELECT w.m, w.week, coalesce(sum(p.page_view_count), 0)::bigint AS n
    FROM wanted AS w CROSS JOIN since
    LEFT JOIN page_views_per_minute AS p ON p.site = site_name AND p.window_start = w.source
    WHERE w.week = 0 OR w.source >= since.first_minute
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
      1.4826 * (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(c.n - d.median)) FROM counted AS c
        WHERE c.m = d.m AND c.week > 0
      ),
      sqrt(d.median), 1)
  FROM medians AS d
  WHERE d.past >= 2
  ORDER BY d.m
$$;
COMMENT ON FUNCTION traffic_band IS
  'page views of each minute, none included, and what the same minute of the last weeks lets expect: median and deviation';

CREATE FUNCTION anomalies(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (started timestamptz, ended timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  WITH odd AS (
    SELECT
      minute, b.page_view_count AS n, b.expected AS e, sign(b.page_view_count - b.expected) AS side,
      abs(b.page_view_count - b.expected) / deviation AS score
    FROM traffic_band(site_name, begins, ends, weeks) AS b
    WHERE abs(b.page_view_count - b.expected) > tolerance * deviation
  ),
  runs AS (
    SELECT *, minute - row_number() OVER (PARTITION BY side ORDER BY minute) * INTERVAL '1 minute' AS run FROM odd
  )
  SELECT
    min(minute), max(minute) + INTERVAL '1 minute', CASE WHEN side > 0 THEN 'more' ELSE 'fewer' END, sum(n)::bigint, sum(e),
    max(score)
  FROM runs GROUP BY side, run ORDER BY 1
$$;
COMMENT ON FUNCTION anomalies IS
  'stretches of minutes with more or fewer page views than the band allows: size is the largest distance in deviations';

GRANT EXECUTE ON FUNCTION traffic_band, anomalies TO footfall_reader;

-- migrate:down

DROP FUNCTION anomalies, traffic_band;
