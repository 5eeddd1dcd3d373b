-- topic_records: one row per record that is a JSON object, in the order of its Kafka partition and on the arrival clock;
-- copies, late and incomplete events and heartbeats too.
CREATE VIEW topic_records AS
SELECT
  COALESCE(clean_text(site, 100), '') AS site,
  COALESCE(clean_text(context.library.name, 100), '') AS library,
  `messageId` AS message_id,
  received_at,
  is_complete,
  COALESCE(`type`, '') = 'heartbeat' AS is_heartbeat,
  event_time >= received_at - INTERVAL '60' SECOND AS is_on_time,
  -- What its time was corrected by, in ms, whichever way. A clock that is over a day off counts as one day, as that
  -- which was reset to 1970: it says no more, drowns no others in a mean, and no sum of a day overflows BIGINT.
  CASE
    WHEN `timestamp` >= TO_TIMESTAMP_LTZ(0, 3) AND `originalTimestamp` >= TO_TIMESTAMP_LTZ(0, 3)
    THEN LEAST(86400000, ABS(
      (EXTRACT(EPOCH FROM `timestamp`) - EXTRACT(EPOCH FROM `originalTimestamp`)) * 1000
        + EXTRACT(MILLISECOND FROM `timestamp`) - EXTRACT(MILLISECOND FROM `originalTimestamp`)))
  END AS correction_ms,
  kafka_partition,
  kafka_offset,
  kafka_time
FROM raw_arrivals;
