-- page_views_per_minute: one row per site, minute and page that was viewed in it.
-- The smallest grain of traffic: sum page_view_count over any time; visitor_count is of this page and minute alone.
INSERT INTO page_views_per_minute
SELECT
  site,
  CAST(FLOOR(event_time TO MINUTE) AS TIMESTAMP(3)) AS window_start,
  COALESCE(page_path, '') AS page_path,
  COUNT(*) AS page_view_count,
  COUNT(DISTINCT visitor_id) AS visitor_count
FROM events
WHERE event_type IN ('page', 'screen')
GROUP BY
  site,
  FLOOR(event_time TO MINUTE),
  COALESCE(page_path, '')
ON CONFLICT DO DEDUPLICATE;
