-- web_vitals: one row per page view whose speed was measured.
CREATE TABLE web_vitals (
  site STRING NOT NULL COMMENT 'site that was visited',
  event_time TIMESTAMP(3) NOT NULL COMMENT 'when it was reported, UTC',
  message_id STRING NOT NULL COMMENT 'id that the sender gave the event',
  page_path STRING COMMENT 'path of the page',
  device_type STRING COMMENT 'desktop, mobile, tablet, …',
  lcp_ms DECIMAL(12, 3) COMMENT 'largest contentful paint in ms',
  inp_ms DECIMAL(12, 3) COMMENT 'interaction to next paint in ms',
  cls DECIMAL(12, 6) COMMENT 'cumulative layout shift, without unit',
  PRIMARY KEY (site, event_time, message_id) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'web_vitals',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
