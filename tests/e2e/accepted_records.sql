-- accepted_records: one row per record that is an event or a heartbeat; for test_odd_records.py, into a table at hand.
INSERT INTO late_events
SELECT
  CAST(kafka_time AS TIMESTAMP(3)) AS received_at,
  kafka_partition,
  kafka_offset,
  CASE WHEN `type` = 'heartbeat' THEN '' ELSE site END AS site,
  CASE WHEN `type` = 'heartbeat' THEN '' ELSE `messageId` END AS message_id,
  CAST(kafka_time AS TIMESTAMP(3)) AS event_time,
  CAST(0 AS BIGINT) AS lateness_ms,
  `type` AS event_type,
  CAST(NULL AS STRING) AS event_name,
  '' AS visitor_id,
  CAST(NULL AS STRING) AS page_path,
  CAST(NULL AS STRING) AS library
FROM raw_events
WHERE is_complete OR `type` = 'heartbeat'
ON CONFLICT DO DEDUPLICATE;
