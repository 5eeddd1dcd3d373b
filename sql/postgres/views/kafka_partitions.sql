-- kafka_partitions: one row per partition of the topic: when it got its last event and heartbeat, and what it got in
-- the last five minutes
CREATE OR REPLACE VIEW kafka_partitions AS
SELECT
  p.kafka_partition, e.kafka_time AS last_event, h.kafka_time AS last_heartbeat,
  CASE
    WHEN e.kafka_time > now() - INTERVAL '5 minutes' THEN 'events'
    WHEN h.kafka_time > now() - INTERVAL '5 minutes' THEN 'heartbeats alone'
    ELSE 'nothing'
  END AS gets
-- One that never got anything is between others that did: partitions have numbers from 0.
FROM (SELECT generate_series(0, max(kafka_partition)) AS kafka_partition FROM last_records) AS p
LEFT JOIN last_records AS e ON e.kafka_partition = p.kafka_partition AND e.kind = 'event'
LEFT JOIN last_records AS h ON h.kafka_partition = p.kafka_partition AND h.kind = 'heartbeat';
COMMENT ON VIEW kafka_partitions IS
  'one row per partition of the topic: when it got its last event and heartbeat, and what it got in the last five minutes';
GRANT SELECT ON kafka_partitions TO footfall_reader;
