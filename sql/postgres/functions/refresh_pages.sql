-- refresh_pages: recompute the hours and days of pages of which a minute was written since the last call; returns how
-- many hours
CREATE OR REPLACE FUNCTION refresh_pages() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  hours bigint;
BEGIN
  IF NOT take_queue('page_refresh_queue', 'queued_pages') THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_page_hours ON COMMIT DROP AS
    SELECT DISTINCT site, h.zone, h.hour, h.day
    FROM queued_pages CROSS JOIN LATERAL local_hour_of(site, window_start) AS h;
  GET DIAGNOSTICS hours = ROW_COUNT;

  DELETE FROM pages AS p USING changed_page_hours AS c
  WHERE p.site = c.site AND p.grain = 'hour' AND p.period_start = c.hour;
  INSERT INTO pages
  SELECT
    c.site, 'hour', c.hour, m.page_path, sum(m.page_view_count), sum(m.engaged_ms), sum(m.depth_count), sum(m.depth_sum)
  FROM changed_page_hours AS c
  CROSS JOIN LATERAL (
    SELECT site, window_start, page_path, page_view_count, 0 AS engaged_ms, 0 AS depth_count, 0 AS depth_sum
    FROM page_views_per_minute AS v
    WHERE v.site = c.site AND v.window_start >= c.hour AND v.window_start < c.hour + INTERVAL '1 hour'
    UNION ALL
    SELECT site, window_start, page_path, 0, engaged_ms, depth_count, depth_sum FROM engagement_per_minute AS e
    WHERE e.site = c.site AND e.window_start >= c.hour AND e.window_start < c.hour + INTERVAL '1 hour'
  ) AS m
  WHERE date_trunc('hour', m.window_start, c.zone) = c.hour
  GROUP BY c.site, c.hour, m.page_path;

  DELETE FROM pages AS p USING (SELECT DISTINCT site, day FROM changed_page_hours) AS c
  WHERE p.site = c.site AND p.grain = 'day' AND p.period_start = midnight_of(c.site, c.day);
  INSERT INTO pages
  SELECT
    c.site, 'day', midnight_of(c.site, c.day), p.page_path, sum(p.page_view_count), sum(p.engaged_ms), sum(p.depth_count),
    sum(p.depth_sum)
  FROM (SELECT DISTINCT site, day FROM changed_page_hours) AS c
  JOIN pages AS p ON p.site = c.site AND p.grain = 'hour'
    AND p.period_start >= midnight_of(c.site, c.day) AND p.period_start < midnight_of(c.site, c.day + 1)
  GROUP BY c.site, c.day, p.page_path;
  RETURN hours;
END
$$;
COMMENT ON FUNCTION refresh_pages IS
  'recompute the hours and days of pages of which a minute was written since the last call; returns how many hours';
