-- topic_records: one row per record that is a JSON object, in the order of its Kafka partition and on the arrival clock;
-- copies, late and incomplete events and heartbeats too.
CREATE VIEW topic_records AS
SELECT
  CASE WHEN is_complete THEN site ELSE LEFT(REPLACE(COALESCE(site, ''), U&'\0000', ''), 100) END AS site,
  LEFT(REPLACE(COALESCE(context.library.name, ''), U&'\0000', ''), 100) AS library,
  `messageId` AS message_id,
  received_at,
  is_complete,
  COALESCE(`type`, '') = 'heartbeat' AS is_heartbeat,
  event_time >= received_at - INTERVAL '60' SECOND AS is_on_time,
  -- What its time was corrected by, in ms, whichever way.
  CASE
    WHEN `timestamp` >= TO_TIMESTAMP_LTZ(0, 3) AND `originalTimestamp` >= TO_TIMESTAMP_LTZ(0, 3)
    THEN ABS(
      (EXTRACT(EPOCH FROM `timestamp`) - EXTRACT(EPOCH FROM `originalTimestamp`)) * 1000
        + EXTRACT(MILLISECOND FROM `timestamp`) - EXTRACT(MILLISECOND FROM `originalTimestamp`))
  END AS correction_ms,
  kafka_partition,
  kafka_offset,
  kafka_time
FROM raw_arrivals;
