-- custom_events_per_minute: one row per site, minute, name and label of what visitors did.
-- The events that a site names itself, by their custom dimension: label.
INSERT INTO custom_events_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  COALESCE(event_name, '') AS event_name,
  COALESCE(label, '') AS label,
  COUNT(*) AS event_count,
  COUNT(DISTINCT visitor_id) AS visitor_count
FROM TABLE(
  TUMBLE(
    DATA => TABLE events,
    TIMECOL => DESCRIPTOR(event_time),
    SIZE => INTERVAL '1' MINUTE))
WHERE is_interaction
GROUP BY
  site,
  window_start,
  window_end,
  COALESCE(event_name, ''),
  COALESCE(label, '')
ON CONFLICT DO DEDUPLICATE;
