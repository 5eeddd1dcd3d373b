-- page_views_per_minute: one row per site and moment at which visits began.
CREATE TEMPORARY VIEW visited_pages AS
SELECT
  site,
  visitor_id,
  event_time,
  message_id,
  TRUE AS is_action,
  TRUE AS is_page_view,
  page_path
FROM events;

INSERT INTO page_views_per_minute
SELECT
  site,
  CAST(session_start AS TIMESTAMP(3)) AS window_start,
  COALESCE(MAX(page_path), '') AS page_path,
  COUNT(*) AS page_view_count,
  COUNT(DISTINCT visitor_id) AS visitor_count
FROM visits(
  input => TABLE visited_pages PARTITION BY (site, visitor_id),
  on_time => DESCRIPTOR(event_time),
  gap => INTERVAL '30' MINUTE,
  longest => INTERVAL '24' HOUR,
  most_events => 10000,
  allowed_lateness => INTERVAL '0' SECOND,
  uid => 'visits')
GROUP BY
  site,
  session_start
ON CONFLICT DO DEDUPLICATE;
