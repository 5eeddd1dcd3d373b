-- arrivals: one row per event as it arrived, with its outcome; on the arrival clock.
-- clock_error_ms is what the sender's clock was off by, whichever way, where that was five minutes and more: as much as
-- the collector corrects (footfall/collector/timestamps.py). NULL for a clock that is right, or of which nothing is known.
CREATE VIEW arrivals AS
SELECT
  site,
  library,
  received_at,
  CASE WHEN correction_ms >= 300000 THEN correction_ms END AS clock_error_ms,
  CASE
    WHEN is_heartbeat THEN 'heartbeat'
    WHEN NOT is_complete THEN 'without needed fields'
    WHEN NOT is_on_time THEN 'late'
    WHEN copy_number > 1 THEN 'duplicate'
    ELSE 'on time'
  END AS outcome
FROM (
  SELECT
    *,
    -- Counted among the on-time copies alone, as in the view events.
    ROW_NUMBER() OVER (PARTITION BY site, message_id, is_complete AND is_on_time ORDER BY PROCTIME()) AS copy_number
  FROM topic_records
);
