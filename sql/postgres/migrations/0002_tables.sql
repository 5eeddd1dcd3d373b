-- The tables that Flink writes: columns, keys and comments are those of sql/tables/, which a test compares.
-- Each key begins with site and time, which is how Grafana asks; where it doesn't, an index does.

-- migrate:up

CREATE TABLE sessions (
  site text NOT NULL,
  session_id text NOT NULL,
  session_start timestamptz NOT NULL,
  session_end timestamptz NOT NULL,
  duration_ms bigint NOT NULL,
  visitor_id text NOT NULL,
  page_view_count bigint NOT NULL,
  event_count bigint NOT NULL,
  entry_page text,
  exit_page text,
  referrer text,
  utm_source text,
  utm_medium text,
  utm_campaign text,
  utm_term text,
  utm_content text,
  user_agent text,
  is_bounce boolean NOT NULL,
  PRIMARY KEY (site, session_start, session_id)
) PARTITION BY RANGE (session_start);
COMMENT ON TABLE sessions IS 'one row per visit: events of one visitor on one site with no gap over 30 minutes.';
COMMENT ON COLUMN sessions.site IS 'site that was visited';
COMMENT ON COLUMN sessions.session_id IS 'hash of site, visitor and start: the same visit has the same id in every run';
COMMENT ON COLUMN sessions.session_start IS 'time of the first event, UTC';
COMMENT ON COLUMN sessions.session_end IS 'time of the last event, UTC';
COMMENT ON COLUMN sessions.duration_ms IS 'session_end - session_start in ms; 0 for a visit of one event';
COMMENT ON COLUMN sessions.visitor_id IS 'anonymousId, else userId';
COMMENT ON COLUMN sessions.page_view_count IS 'events of type page or screen';
COMMENT ON COLUMN sessions.event_count IS 'events of every type';
COMMENT ON COLUMN sessions.entry_page IS 'path of the first page view';
COMMENT ON COLUMN sessions.exit_page IS 'path of the last page view';
COMMENT ON COLUMN sessions.referrer IS 'where the visitor came from, by the first page view';
COMMENT ON COLUMN sessions.utm_source IS 'campaign source of the first page view';
COMMENT ON COLUMN sessions.utm_medium IS 'campaign medium of the first page view';
COMMENT ON COLUMN sessions.utm_campaign IS 'campaign name of the first page view';
COMMENT ON COLUMN sessions.utm_term IS 'campaign term of the first page view';
COMMENT ON COLUMN sessions.utm_content IS 'campaign content of the first page view';
COMMENT ON COLUMN sessions.user_agent IS 'user agent of the first page view, else of the first event';
COMMENT ON COLUMN sessions.is_bounce IS 'one page view and no interaction (track) event';
SELECT keep_by_time('sessions', 'session_start');

CREATE TABLE page_views_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  page_path text NOT NULL,
  page_view_count bigint NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, window_start, page_path)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE page_views_per_minute IS 'one row per site, minute and page that was viewed in it.';
COMMENT ON COLUMN page_views_per_minute.site IS 'site that was visited';
COMMENT ON COLUMN page_views_per_minute.window_start IS 'start of the minute, UTC';
COMMENT ON COLUMN page_views_per_minute.page_path IS 'path of the page; empty where the event names no page';
COMMENT ON COLUMN page_views_per_minute.page_view_count IS 'events of type page or screen';
COMMENT ON COLUMN page_views_per_minute.visitor_count IS
  'distinct visitors of this page in this minute; do not add up over minutes';
SELECT keep_by_time('page_views_per_minute', 'window_start');

CREATE TABLE arrivals_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  library text NOT NULL,
  outcome text NOT NULL,
  event_count bigint NOT NULL,
  PRIMARY KEY (site, window_start, library, outcome)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE arrivals_per_minute IS 'one row per site, library, outcome and minute of arrival.';
COMMENT ON COLUMN arrivals_per_minute.site IS 'site of the events; empty where they name none';
COMMENT ON COLUMN arrivals_per_minute.window_start IS 'start of the minute in which they were received, UTC';
COMMENT ON COLUMN arrivals_per_minute.library IS 'name of the sending library; empty where they name none';
COMMENT ON COLUMN arrivals_per_minute.outcome IS 'on time, late, duplicate, without needed fields or heartbeat';
COMMENT ON COLUMN arrivals_per_minute.event_count IS 'events with this outcome';
SELECT keep_by_time('arrivals_per_minute', 'window_start');

CREATE TABLE late_events (
  received_at timestamptz NOT NULL,
  kafka_partition integer NOT NULL,
  kafka_offset bigint NOT NULL,
  site text NOT NULL,
  message_id text NOT NULL,
  event_time timestamptz NOT NULL,
  lateness_ms bigint NOT NULL,
  event_type text NOT NULL,
  event_name text,
  visitor_id text NOT NULL,
  page_path text,
  library text,
  PRIMARY KEY (received_at, kafka_partition, kafka_offset)
) PARTITION BY RANGE (received_at);
CREATE INDEX ON late_events (site, received_at DESC);
COMMENT ON TABLE late_events IS
  'one row per event that came more than 60 s after it happened: counted in no other table until a replay.';
COMMENT ON COLUMN late_events.received_at IS 'when it reached us, UTC';
COMMENT ON COLUMN late_events.kafka_partition IS 'partition of its record';
COMMENT ON COLUMN late_events.kafka_offset IS 'place of its record in the partition';
COMMENT ON COLUMN late_events.site IS 'site that the event belongs to';
COMMENT ON COLUMN late_events.message_id IS 'id that the sender gave the event';
COMMENT ON COLUMN late_events.event_time IS 'when it happened, UTC';
COMMENT ON COLUMN late_events.lateness_ms IS 'received_at - event_time in ms';
COMMENT ON COLUMN late_events.event_type IS 'page, screen, track, identify, group or alias';
COMMENT ON COLUMN late_events.event_name IS 'name of the track event, page or screen';
COMMENT ON COLUMN late_events.visitor_id IS 'anonymousId, else userId';
COMMENT ON COLUMN late_events.page_path IS 'path of the page';
COMMENT ON COLUMN late_events.library IS 'name of the sending library';
SELECT keep_by_time('late_events', 'received_at');

CREATE TABLE rejected_events (
  received_at timestamptz NOT NULL,
  kafka_partition integer NOT NULL,
  kafka_offset bigint NOT NULL,
  site text,
  reason text NOT NULL,
  original text,
  PRIMARY KEY (received_at, kafka_partition, kafka_offset)
) PARTITION BY RANGE (received_at);
CREATE INDEX ON rejected_events (site, received_at DESC);
COMMENT ON TABLE rejected_events IS 'one row per Kafka record that is no JSON object or lacks what an event needs.';
COMMENT ON COLUMN rejected_events.received_at IS 'when the broker appended the record, UTC';
COMMENT ON COLUMN rejected_events.kafka_partition IS 'partition of the record';
COMMENT ON COLUMN rejected_events.kafka_offset IS 'place of the record in the partition';
COMMENT ON COLUMN rejected_events.site IS 'site that it names, where it can be read';
COMMENT ON COLUMN rejected_events.reason IS 'what is wrong with it';
COMMENT ON COLUMN rejected_events.original IS
  'its text; a character that Postgres can''t hold reads as the replacement character';
SELECT keep_by_time('rejected_events', 'received_at');

-- migrate:down

DROP TABLE rejected_events;
DROP TABLE late_events;
DROP TABLE arrivals_per_minute;
DROP TABLE page_views_per_minute;
DROP TABLE sessions;
