-- visit_events: one row per event that came on time, once: what visits consist of.
CREATE TABLE visit_events (
  site STRING NOT NULL COMMENT 'site that the event belongs to',
  event_time TIMESTAMP(3) NOT NULL COMMENT 'when it happened, UTC',
  message_id STRING NOT NULL COMMENT 'id that the sender gave the event',
  visitor_id STRING NOT NULL COMMENT 'anonymousId, else userId',
  user_id STRING COMMENT 'id of the signed-in user',
  previous_id STRING COMMENT 'of an alias: the id that user_id replaces',
  event_type STRING NOT NULL COMMENT 'page, screen, track, identify, group or alias',
  event_name STRING COMMENT 'name of the track event, page or screen',
  is_action BOOLEAN NOT NULL COMMENT 'whether somebody did something; a page reports the rest by itself',
  page_path STRING COMMENT 'path of the page',
  country STRING COMMENT 'ISO 3166-1 code of the country',
  search_term STRING COMMENT 'what was searched for on the site',
  element_name STRING COMMENT 'name of the element that was clicked',
  target_url STRING COMMENT 'where a click led',
  label STRING COMMENT 'properties.label: the custom dimension of such events',
  engaged_ms BIGINT COMMENT 'time in ms that the page was visible and in use, since the last report',
  revenue DECIMAL(18, 4) COMMENT 'what the event earned; negative for a refund',
  currency STRING COMMENT 'ISO 4217 code of revenue',
  PRIMARY KEY (site, event_time, message_id) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'visit_events',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
