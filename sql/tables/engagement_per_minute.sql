-- engagement_per_minute: one row per site, minute and page that somebody spent time on in it.
CREATE TABLE engagement_per_minute (
  site STRING NOT NULL COMMENT 'site that was visited',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the minute, UTC',
  page_path STRING NOT NULL COMMENT 'path of the page; empty where the event names no page',
  engaged_ms BIGINT NOT NULL COMMENT 'time in ms that the page was visible and in use, of all visitors',
  depth_count BIGINT NOT NULL COMMENT 'reports of how far somebody scrolled',
  depth_sum BIGINT NOT NULL COMMENT 'sum of these depths, each in percent of the page: depth_sum / depth_count is the mean',
  PRIMARY KEY (site, window_start, page_path) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'engagement_per_minute',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
