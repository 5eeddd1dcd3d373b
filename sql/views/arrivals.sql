-- arrivals: one row per event as it arrived, with its outcome; on the arrival clock.
CREATE VIEW arrivals AS
SELECT
  site,
  library,
  received_at,
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
  FROM (
    SELECT
      CASE WHEN is_complete THEN site ELSE LEFT(REPLACE(COALESCE(site, ''), U&'\0000', ''), 100) END AS site,
      LEFT(REPLACE(COALESCE(context.library.name, ''), U&'\0000', ''), 100) AS library,
      `messageId` AS message_id,
      received_at,
      is_complete,
      COALESCE(`type`, '') = 'heartbeat' AS is_heartbeat,
      event_time >= received_at - INTERVAL '60' SECOND AS is_on_time
    FROM raw_arrivals
  )
);
