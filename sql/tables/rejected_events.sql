-- rejected_events: one row per Kafka record that is no JSON object or lacks what an event needs.
CREATE TABLE rejected_events (
  received_at TIMESTAMP(3) NOT NULL COMMENT 'when the broker appended the record, UTC',
  kafka_partition INT NOT NULL COMMENT 'partition of the record',
  kafka_offset BIGINT NOT NULL COMMENT 'place of the record in the partition',
  site STRING COMMENT 'site that it names, where it can be read',
  reason STRING NOT NULL COMMENT 'what is wrong with it',
  original STRING COMMENT 'its text, cut to a million bytes; a character that Postgres can''t hold reads as the replacement character',
  PRIMARY KEY (received_at, kafka_partition, kafka_offset) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'rejected_events',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
