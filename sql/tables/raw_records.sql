-- raw_records: one row per Kafka record of the raw_events topic as plain bytes: the way to what is no JSON.
CREATE TABLE raw_records (
  `value` BYTES COMMENT 'the record as it was written',
  kafka_time TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL COMMENT 'when the broker appended the record',
  kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL COMMENT 'partition of the record',
  kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL COMMENT 'place of the record in its partition'
) WITH (
  'connector' = 'kafka',
  'topic' = '${RAW_EVENTS_TOPIC}',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'properties.isolation.level' = 'read_committed',
  -- A little waits for more, no longer than anybody notices: each job asks less often, and Kafka has less to do.
  'properties.fetch.min.bytes' = '65536',
  'properties.fetch.max.wait.ms' = '250',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);
