-- sessions: one row per visit: events of one visitor on one site with no gap over 30 minutes.
CREATE TABLE sessions (
  site STRING NOT NULL COMMENT 'site that was visited',
  session_id STRING NOT NULL COMMENT 'hash of site, visitor and start: the same visit has the same id in every run',
  session_start TIMESTAMP(3) NOT NULL COMMENT 'time of the first event, UTC',
  session_end TIMESTAMP(3) NOT NULL COMMENT 'time of the last event, UTC',
  duration_ms BIGINT NOT NULL COMMENT 'session_end - session_start in ms; 0 for a visit of one event',
  visitor_id STRING NOT NULL COMMENT 'anonymousId, else userId',
  page_view_count BIGINT NOT NULL COMMENT 'events of type page or screen',
  event_count BIGINT NOT NULL COMMENT 'events of every type',
  entry_page STRING COMMENT 'path of the first page view',
  exit_page STRING COMMENT 'path of the last page view',
  referrer STRING COMMENT 'where the visitor came from, by the first page view',
  utm_source STRING COMMENT 'campaign source of the first page view',
  utm_medium STRING COMMENT 'campaign medium of the first page view',
  utm_campaign STRING COMMENT 'campaign name of the first page view',
  utm_term STRING COMMENT 'campaign term of the first page view',
  utm_content STRING COMMENT 'campaign content of the first page view',
  user_agent STRING COMMENT 'user agent of the first page view, else of the first event',
  is_bounce BOOLEAN NOT NULL COMMENT 'one page view and no interaction (track) event',
  PRIMARY KEY (site, session_start, session_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'sessions',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}',
  'sink.buffer-flush.max-rows' = '5000',
  'sink.buffer-flush.interval' = '1s'
);
