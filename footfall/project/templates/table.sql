-- metric_name: one row per site and minute.
-- To fill in: what a row is, in the line above too, and the key that tells one row from another. Without a time in the
-- key, the table has no monthly partitions. `footfall migration metric_name` brings Postgres' table after it.
CREATE TABLE metric_name (
  site STRING NOT NULL COMMENT 'site that was visited',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the minute, UTC',
  event_count BIGINT NOT NULL COMMENT 'events of every type',
  PRIMARY KEY (site, window_start) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'metric_name',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
