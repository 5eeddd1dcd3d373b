-- arrivals_per_minute: one row per site, library, outcome and minute of arrival.
CREATE TABLE arrivals_per_minute (
  site STRING NOT NULL COMMENT 'site of the events; empty where they name none',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the minute in which they were received, UTC',
  library STRING NOT NULL COMMENT 'name of the sending library; empty where they name none',
  outcome STRING NOT NULL COMMENT 'on time, late, duplicate, without needed fields or heartbeat',
  event_count BIGINT NOT NULL COMMENT 'events with this outcome',
  wrong_clock_count BIGINT NOT NULL COMMENT 'those whose sender''s clock was five minutes and more off, so that their time was corrected',
  clock_error_ms BIGINT NOT NULL COMMENT 'sum of what the times of these were corrected by in ms, whichever way',
  PRIMARY KEY (site, window_start, library, outcome) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'arrivals_per_minute',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
