-- late_events: one row per event that came more than 60 s after it happened: counted in no other table.
CREATE TABLE late_events (
  received_at TIMESTAMP(3) NOT NULL COMMENT 'when it reached us, UTC',
  kafka_partition INT NOT NULL COMMENT 'partition of its record',
  kafka_offset BIGINT NOT NULL COMMENT 'place of its record in the partition',
  site STRING NOT NULL COMMENT 'site that the event belongs to',
  message_id STRING NOT NULL COMMENT 'id that the sender gave the event',
  event_time TIMESTAMP(3) NOT NULL COMMENT 'when it happened, UTC',
  lateness_ms BIGINT NOT NULL COMMENT 'received_at - event_time in ms',
  event_type STRING NOT NULL COMMENT 'page, screen, track, identify, group or alias',
  event_name STRING COMMENT 'name of the track event, page or screen',
  visitor_id STRING NOT NULL COMMENT 'anonymousId, else userId',
  page_path STRING COMMENT 'path of the page',
  library STRING COMMENT 'name of the sending library',
  PRIMARY KEY (received_at, kafka_partition, kafka_offset) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'late_events',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
