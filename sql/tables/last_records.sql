-- last_records: one row per Kafka partition and kind of record, the last that it got.
CREATE TABLE last_records (
  kafka_partition INT NOT NULL COMMENT 'partition of the topic',
  kind STRING NOT NULL COMMENT 'event or heartbeat',
  kafka_offset BIGINT NOT NULL COMMENT 'place of the record in its partition',
  kafka_time TIMESTAMP(3) NOT NULL COMMENT 'when the broker appended it, UTC',
  PRIMARY KEY (kafka_partition, kind) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'last_records',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
