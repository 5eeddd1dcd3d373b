-- rejected_events: one row per Kafka record that is no JSON object or lacks what an event needs.
-- With the reason and the original text, so that whoever sent it can be informed.
INSERT INTO rejected_events
SELECT
  CAST(kafka_time AS TIMESTAMP(3)) AS received_at,
  kafka_partition,
  kafka_offset,
  site,
  reason,
  original
FROM rejected_records
ON CONFLICT DO DEDUPLICATE;
