-- page_scrolls: one row per page view.
INSERT INTO page_views_per_minute
SELECT
  site,
  CAST(event_time AS TIMESTAMP(3)) AS window_start,
  page_path,
  1 AS page_view_count,
  1 AS visitor_count
FROM events
ON CONFLICT DO DEDUPLICATE;
