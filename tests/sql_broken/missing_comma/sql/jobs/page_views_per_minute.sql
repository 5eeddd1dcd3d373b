-- page_views_per_minute: one row per site, minute and page that was viewed in it.
-- The smallest grain of traffic: sum page_view_count over any time; visitor_count is of this page and minute alone.
INSERT INTO page_views_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start
  COALESCE(page_path, '') AS page_path,
  COUNT(*) AS page_view_count,
  COUNT(DISTINCT visitor_id) AS visitor_count
FROM TABLE(
  TUMBLE(
    DATA => TABLE events,
    TIMECOL => DESCRIPTOR(event_time),
    SIZE => INTERVAL '1' MINUTE))
WHERE event_type IN ('page', 'screen')
GROUP BY
  site,
  window_start,
  window_end,
  COALESCE(page_path, '')
ON CONFLICT DO DEDUPLICATE;
