-- elements_per_minute: one row per site, minute, marked element, page and campaign that was seen or clicked in it.
CREATE TABLE elements_per_minute (
  site STRING NOT NULL COMMENT 'site that was visited',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the minute, UTC',
  element_name STRING NOT NULL COMMENT 'name of the element: its attribute data-footfall',
  page_path STRING NOT NULL COMMENT 'path of the page that it is on; empty where the event names no page',
  utm_campaign STRING NOT NULL COMMENT 'campaign of the page view; empty without one',
  view_count BIGINT NOT NULL COMMENT 'impressions: times that it came into view, once a page view',
  click_count BIGINT NOT NULL COMMENT 'clicks on it',
  PRIMARY KEY (site, window_start, element_name, page_path, utm_campaign) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'elements_per_minute',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
