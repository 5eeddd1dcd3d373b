-- custom_events_per_minute: one row per site, minute, name and label of what visitors did.
CREATE TABLE custom_events_per_minute (
  site STRING NOT NULL COMMENT 'site that was visited',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the minute, UTC',
  event_name STRING NOT NULL COMMENT 'name of the event; empty without one',
  label STRING NOT NULL COMMENT 'its properties.label; empty without one',
  event_count BIGINT NOT NULL COMMENT 'interactions with this name and label',
  visitor_count BIGINT NOT NULL COMMENT 'distinct visitors with this name and label in this minute; do not add up',
  PRIMARY KEY (site, window_start, event_name, label) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'custom_events_per_minute',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
