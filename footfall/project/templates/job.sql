-- metric_name: one row per site and minute.
-- To fill in: which events count (sql/views/events.sql has their columns), and by what they are grouped.
INSERT INTO metric_name
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  COUNT(*) AS event_count
FROM TABLE(
  TUMBLE(
    DATA => TABLE events,
    TIMECOL => DESCRIPTOR(event_time),
    SIZE => INTERVAL '1' MINUTE))
GROUP BY
  site,
  window_start,
  window_end
ON CONFLICT DO DEDUPLICATE;
