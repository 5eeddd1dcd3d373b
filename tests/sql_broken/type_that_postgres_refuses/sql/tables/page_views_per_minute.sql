-- page_views_per_minute: one row per site, minute and page that was viewed in it.
CREATE TABLE page_views_per_minute (
  site STRING NOT NULL COMMENT 'site that was visited',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the minute, UTC',
  page_path STRING NOT NULL COMMENT 'path of the page; empty where the event names no page',
  page_view_count DOUBLE NOT NULL COMMENT 'events of type page or screen',
  visitor_count BIGINT NOT NULL COMMENT 'distinct visitors of this page in this minute; do not add up over minutes',
  PRIMARY KEY (site, window_start, page_path) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'page_views_per_minute',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
