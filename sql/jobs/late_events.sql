-- late_events: one row per event that came more than 60 s after it happened.
-- Kept, so that nothing is lost in silence: these events are in no other table, and a replay leaves them out as well.
INSERT INTO late_events
SELECT
  CAST(received_at AS TIMESTAMP(3)) AS received_at,
  kafka_partition,
  kafka_offset,
  site,
  message_id,
  CAST(event_time AS TIMESTAMP(3)) AS event_time,
  (EXTRACT(EPOCH FROM received_at) - EXTRACT(EPOCH FROM event_time)) * 1000
    + EXTRACT(MILLISECOND FROM received_at) - EXTRACT(MILLISECOND FROM event_time) AS lateness_ms,
  event_type,
  event_name,
  visitor_id,
  page_path,
  library
FROM received_events
WHERE NOT is_on_time
ON CONFLICT DO DEDUPLICATE;
