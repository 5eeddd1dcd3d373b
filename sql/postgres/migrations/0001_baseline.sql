-- The tables, as Footfall 0.1 begins. What is computed from them, and what happens when they are written, is in
-- sql/postgres/functions, views and triggers, one object a file: `footfall migrate` puts them into force after this.
--
-- Who may do what: `footfall up` makes the roles; on a server of your own, make them before you migrate.
-- footfall_owner owns the database and runs this, footfall_writer is Flink, footfall_reader Grafana and whoever asks,
-- footfall_collector the collector. Partitions and chunks need no grants: they are reached through their table.

-- migrate:up

DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format(
    'GRANT CONNECT ON DATABASE %I TO footfall_writer, footfall_reader, footfall_collector', current_database()
  );
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO footfall_writer, footfall_reader, footfall_collector;
-- What the owner makes from here on is nobody else's to run; each function's file says who may.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;


-- Sites: for whom the collector takes events. `footfall site` changes them as the owner; the collector reads them every
-- two seconds.

CREATE TABLE sites (
  site text PRIMARY KEY CHECK (site ~ '^[a-z0-9._-]{1,100}$'),
  origins text[] NOT NULL DEFAULT '{}' CHECK (array_position(origins, NULL) IS NULL),
  timezone text NOT NULL DEFAULT 'UTC',
  goals text[] NOT NULL DEFAULT '{}' CHECK (array_position(goals, NULL) IS NULL),
  default_consent text NOT NULL DEFAULT 'full' CHECK (default_consent IN ('none', 'anonymous', 'full')),
  denied_fields text[] NOT NULL DEFAULT '{}' CHECK (array_position(denied_fields, NULL) IS NULL),
  requests_per_second integer NOT NULL DEFAULT 1000 CHECK (requests_per_second >= 0),
  pseudonym_key bytea NOT NULL CHECK (octet_length(pseudonym_key) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  traits text[] NOT NULL DEFAULT '{}' CHECK (array_position(traits, NULL) IS NULL),
  trait_floor integer NOT NULL DEFAULT 10 CHECK (trait_floor >= 2),
  event_properties jsonb NOT NULL DEFAULT '{}' CHECK (
    jsonb_typeof(event_properties) = 'object' AND NOT jsonb_path_exists(event_properties, 'strict $.* ? (@.type() <> "string")')
  ),
  page_parameters text[] NOT NULL DEFAULT '{}' CHECK (array_position(page_parameters, NULL) IS NULL),
  page_hosts boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE sites IS 'one row per site that the collector takes events for';
COMMENT ON COLUMN sites.site IS 'name of the site, as in every table';
COMMENT ON COLUMN sites.origins IS
  'whose pages may send, scheme://host[:port] in lower case; * is any. Servers send no origin and always may';
COMMENT ON COLUMN sites.timezone IS 'IANA time zone of the days of the site';
COMMENT ON COLUMN sites.goals IS 'names of the events that are conversions';
COMMENT ON COLUMN sites.default_consent IS
  'what may be kept of an event that says nothing of consent: none, anonymous or full';
COMMENT ON COLUMN sites.denied_fields IS
  'names of fields that are never kept, on top of those that the collector removes for every site';
COMMENT ON COLUMN sites.requests_per_second IS 'requests a second with each of its write keys; 0 = any number';
COMMENT ON COLUMN sites.pseudonym_key IS
  'secret with which an id that is an e-mail address becomes a pseudonym; 32 random bytes';
COMMENT ON COLUMN sites.created_at IS 'when the site was added';
COMMENT ON COLUMN sites.traits IS
  'names of the traits by which people may be counted; all others are not kept in Postgres';
COMMENT ON COLUMN sites.trait_floor IS 'people that a group by a trait must have to be shown, at least 2';
COMMENT ON COLUMN sites.event_properties IS
  'name of an event → the property whose value is its label; of all others that is properties.label';
COMMENT ON COLUMN sites.page_parameters IS
  'parameters of an address that are kept in page_path, because they say which page it is';
COMMENT ON COLUMN sites.page_hosts IS 'whether the host is kept in page_path, as a site of several hosts wants it';
GRANT SELECT ON sites TO footfall_collector;
GRANT SELECT (
  site, origins, timezone, goals, default_consent, denied_fields, requests_per_second, created_at, traits,
  trait_floor, event_properties, page_parameters, page_hosts
) ON sites TO footfall_reader;

CREATE TABLE write_keys (
  write_key text PRIMARY KEY CHECK (write_key ~ '^[A-Za-z0-9_-]{1,200}$'),
  site text NOT NULL REFERENCES sites ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX ON write_keys (site, created_at);
COMMENT ON TABLE write_keys IS 'one row per write key; while keys are rotated, a site has several that count';
COMMENT ON COLUMN write_keys.write_key IS
  'what an event is sent with; it stands in every page, and lets nobody read anything';
COMMENT ON COLUMN write_keys.site IS 'site that its events belong to';
COMMENT ON COLUMN write_keys.created_at IS 'when it was made';
COMMENT ON COLUMN write_keys.expires_at IS 'from when on it counts no longer; NULL = never';
GRANT SELECT ON write_keys TO footfall_collector;

-- A salt that is gone must not come back: an unlogged table is in no WAL, so in no archive of it, no replica and no
-- physical backup. (pg_dump takes it unless it is told --no-unlogged-table-data.) After a crash or a failover it is
-- empty, and the collectors put back the day's salt that they hold. A deleted row lies in the file until it is vacuumed:
-- here, that is due after each one. A server that logs the parameters of all statements logs salts too: set
-- log_parameter_max_length to 0 there.
CREATE UNLOGGED TABLE visitor_salts (
  day date PRIMARY KEY,
  salt bytea NOT NULL CHECK (octet_length(salt) = 32)
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
COMMENT ON TABLE visitor_salts IS 'one row per day that is not over: today, and tomorrow an hour ahead';
COMMENT ON COLUMN visitor_salts.day IS 'day in UTC on which the salt counts';
COMMENT ON COLUMN visitor_salts.salt IS
  'secret that makes ids of visitors who have none; without it nobody can be known again; 32 random bytes';
GRANT SELECT, INSERT, DELETE ON visitor_salts TO footfall_collector;


-- What Flink writes: columns, keys and comments are those of sql/tables, which a test compares. Each key begins with site
-- and time, which is how Grafana asks; where it doesn't, an index does.
--
-- The writer's INSERT … ON CONFLICT (key) DO UPDATE SET column = EXCLUDED.column: Postgres asks for SELECT on the key and
-- on every column that EXCLUDED names, which is the whole row. No DELETE: a Flink job that retracts rows fails here, and
-- should.

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
  user_id text,
  source text NOT NULL DEFAULT '(direct)',
  medium text NOT NULL DEFAULT '(none)',
  channel text NOT NULL DEFAULT 'Unassigned',
  country text,
  region text,
  language_code text,
  device_type text,
  browser text,
  browser_version text,
  operating_system text,
  interaction_count bigint NOT NULL DEFAULT 0,
  engaged_ms bigint NOT NULL DEFAULT 0,
  revenue numeric(38, 4),
  currency text,
  bot_reason text,
  is_bot boolean NOT NULL DEFAULT false,
  PRIMARY KEY (site, session_start, session_id)
) PARTITION BY RANGE (session_start);
CREATE INDEX ON sessions (site, visitor_id, session_start);
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
COMMENT ON COLUMN sessions.user_id IS 'id of the signed-in user, the last of the visit';
COMMENT ON COLUMN sessions.source IS
  'where the visit came from: utm_source, else the click id''s or the referrer''s; (direct) without any';
COMMENT ON COLUMN sessions.medium IS 'how it came: utm_medium, else cpc, organic or referral; (none) without any';
COMMENT ON COLUMN sessions.channel IS 'default channel group of Google Analytics 4, or of the site''s own rules';
COMMENT ON COLUMN sessions.country IS 'ISO 3166-1 code of the country, by the first page view, else the first event';
COMMENT ON COLUMN sessions.region IS 'ISO 3166-2 code of the region, likewise';
COMMENT ON COLUMN sessions.language_code IS 'language of the browser or app (BCP 47 primary subtag), likewise';
COMMENT ON COLUMN sessions.device_type IS 'desktop, mobile, tablet, …, by the user agent';
COMMENT ON COLUMN sessions.browser IS 'browser, by the user agent';
COMMENT ON COLUMN sessions.browser_version IS 'its major version';
COMMENT ON COLUMN sessions.operating_system IS 'operating system, by the user agent';
COMMENT ON COLUMN sessions.interaction_count IS 'track events but those that a page reports by itself';
COMMENT ON COLUMN sessions.engaged_ms IS 'time in ms that pages were visible and in use';
COMMENT ON COLUMN sessions.revenue IS 'what the visit earned; NULL where it earned nothing, or in several currencies';
COMMENT ON COLUMN sessions.currency IS 'ISO 4217 code of revenue';
COMMENT ON COLUMN sessions.bot_reason IS 'why the visit is taken for a program''s; NULL for a person''s';
COMMENT ON COLUMN sessions.is_bot IS 'whether there is such a reason';
SELECT partition_by_time('sessions', 'session_start');
-- One visit is asked for by its id.
CREATE INDEX sessions_ids ON sessions (site, session_id);
CREATE INDEX sessions_users ON sessions (site, user_id) WHERE user_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON sessions TO footfall_writer;
GRANT SELECT ON sessions TO footfall_reader;

CREATE TABLE visit_events (
  site text NOT NULL,
  event_time timestamptz NOT NULL,
  message_id text NOT NULL,
  visitor_id text NOT NULL,
  user_id text,
  previous_id text,
  event_type text NOT NULL,
  event_name text,
  is_action boolean NOT NULL,
  page_path text,
  country text,
  search_term text,
  element_name text,
  target_url text,
  label text,
  engaged_ms bigint,
  revenue numeric(18, 4),
  currency text,
  PRIMARY KEY (site, event_time, message_id)
) PARTITION BY RANGE (event_time);
CREATE INDEX ON visit_events (site, visitor_id, event_time);
COMMENT ON TABLE visit_events IS 'one row per event that came on time, once: what visits consist of.';
COMMENT ON COLUMN visit_events.site IS 'site that the event belongs to';
COMMENT ON COLUMN visit_events.event_time IS 'when it happened, UTC';
COMMENT ON COLUMN visit_events.message_id IS 'id that the sender gave the event';
COMMENT ON COLUMN visit_events.visitor_id IS 'anonymousId, else userId';
COMMENT ON COLUMN visit_events.user_id IS 'id of the signed-in user';
COMMENT ON COLUMN visit_events.previous_id IS 'of an alias: the id that user_id replaces';
COMMENT ON COLUMN visit_events.event_type IS 'page, screen, track, identify, group or alias';
COMMENT ON COLUMN visit_events.event_name IS 'name of the track event, page or screen';
COMMENT ON COLUMN visit_events.is_action IS 'whether somebody did something; a page reports the rest by itself';
COMMENT ON COLUMN visit_events.page_path IS 'path of the page';
COMMENT ON COLUMN visit_events.country IS 'ISO 3166-1 code of the country';
COMMENT ON COLUMN visit_events.search_term IS 'what was searched for on the site';
COMMENT ON COLUMN visit_events.element_name IS 'name of the element that was clicked';
COMMENT ON COLUMN visit_events.target_url IS 'where a click led';
COMMENT ON COLUMN visit_events.label IS 'properties.label: the custom dimension of such events';
COMMENT ON COLUMN visit_events.engaged_ms IS 'time in ms that the page was visible and in use, since the last report';
COMMENT ON COLUMN visit_events.revenue IS 'what the event earned; negative for a refund';
COMMENT ON COLUMN visit_events.currency IS 'ISO 4217 code of revenue';
SELECT partition_by_time('visit_events', 'event_time');
-- Goals are looked for by their name and their visitors counted: a part of the events, with all that is asked of them.
CREATE INDEX visit_events_actions ON visit_events (site, event_name, event_time) INCLUDE (visitor_id, currency, revenue)
WHERE event_type = 'track';
CREATE INDEX visit_events_searches ON visit_events (site, event_time) INCLUDE (search_term, visitor_id)
WHERE search_term IS NOT NULL;
CREATE INDEX visit_events_users ON visit_events (site, user_id, visitor_id) WHERE user_id IS NOT NULL;
CREATE INDEX visit_events_visitor_users ON visit_events (site, visitor_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX visit_events_aliases ON visit_events (site, previous_id, event_time) INCLUDE (user_id, message_id)
WHERE event_type = 'alias';
GRANT SELECT, INSERT, UPDATE ON visit_events TO footfall_writer;
GRANT SELECT ON visit_events TO footfall_reader;

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
SELECT partition_by_time('page_views_per_minute', 'window_start');
GRANT SELECT, INSERT, UPDATE ON page_views_per_minute TO footfall_writer;
GRANT SELECT ON page_views_per_minute TO footfall_reader;

CREATE TABLE engagement_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  page_path text NOT NULL,
  engaged_ms bigint NOT NULL,
  depth_count bigint NOT NULL,
  depth_sum bigint NOT NULL,
  PRIMARY KEY (site, window_start, page_path)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE engagement_per_minute IS 'one row per site, minute and page that somebody spent time on in it.';
COMMENT ON COLUMN engagement_per_minute.site IS 'site that was visited';
COMMENT ON COLUMN engagement_per_minute.window_start IS 'start of the minute, UTC';
COMMENT ON COLUMN engagement_per_minute.page_path IS 'path of the page; empty where the event names no page';
COMMENT ON COLUMN engagement_per_minute.engaged_ms IS
  'time in ms that the page was visible and in use, of all visitors';
COMMENT ON COLUMN engagement_per_minute.depth_count IS 'reports of how far somebody scrolled';
COMMENT ON COLUMN engagement_per_minute.depth_sum IS
  'sum of these depths, each in percent of the page: depth_sum / depth_count is the mean';
SELECT partition_by_time('engagement_per_minute', 'window_start');
GRANT SELECT, INSERT, UPDATE ON engagement_per_minute TO footfall_writer;
GRANT SELECT ON engagement_per_minute TO footfall_reader;

CREATE TABLE elements_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  element_name text NOT NULL,
  page_path text NOT NULL,
  utm_campaign text NOT NULL,
  view_count bigint NOT NULL,
  click_count bigint NOT NULL,
  PRIMARY KEY (site, window_start, element_name, page_path, utm_campaign)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE elements_per_minute IS
  'one row per site, minute, marked element, page and campaign that was seen or clicked in it.';
COMMENT ON COLUMN elements_per_minute.site IS 'site that was visited';
COMMENT ON COLUMN elements_per_minute.window_start IS 'start of the minute, UTC';
COMMENT ON COLUMN elements_per_minute.element_name IS 'name of the element: its attribute data-footfall';
COMMENT ON COLUMN elements_per_minute.page_path IS
  'path of the page that it is on; empty where the event names no page';
COMMENT ON COLUMN elements_per_minute.utm_campaign IS 'campaign of the page view; empty without one';
COMMENT ON COLUMN elements_per_minute.view_count IS 'impressions: times that it came into view, once a page view';
COMMENT ON COLUMN elements_per_minute.click_count IS 'clicks on it';
SELECT partition_by_time('elements_per_minute', 'window_start');
GRANT SELECT, INSERT, UPDATE ON elements_per_minute TO footfall_writer;
GRANT SELECT ON elements_per_minute TO footfall_reader;

CREATE TABLE custom_events_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  event_name text NOT NULL,
  label text NOT NULL,
  event_count bigint NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, window_start, event_name, label)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE custom_events_per_minute IS 'one row per site, minute, name and label of what visitors did.';
COMMENT ON COLUMN custom_events_per_minute.site IS 'site that was visited';
COMMENT ON COLUMN custom_events_per_minute.window_start IS 'start of the minute, UTC';
COMMENT ON COLUMN custom_events_per_minute.event_name IS 'name of the event; empty without one';
COMMENT ON COLUMN custom_events_per_minute.label IS 'its properties.label; empty without one';
COMMENT ON COLUMN custom_events_per_minute.event_count IS 'interactions with this name and label';
COMMENT ON COLUMN custom_events_per_minute.visitor_count IS
  'distinct visitors with this name and label in this minute; do not add up';
SELECT partition_by_time('custom_events_per_minute', 'window_start');
GRANT SELECT, INSERT, UPDATE ON custom_events_per_minute TO footfall_writer;
GRANT SELECT ON custom_events_per_minute TO footfall_reader;

CREATE TABLE web_vitals (
  site text NOT NULL,
  event_time timestamptz NOT NULL,
  message_id text NOT NULL,
  page_path text,
  device_type text,
  lcp_ms numeric(12, 3),
  inp_ms numeric(12, 3),
  cls numeric(12, 6),
  PRIMARY KEY (site, event_time, message_id)
) PARTITION BY RANGE (event_time);
COMMENT ON TABLE web_vitals IS 'one row per page view whose speed was measured.';
COMMENT ON COLUMN web_vitals.site IS 'site that was visited';
COMMENT ON COLUMN web_vitals.event_time IS 'when it was reported, UTC';
COMMENT ON COLUMN web_vitals.message_id IS 'id that the sender gave the event';
COMMENT ON COLUMN web_vitals.page_path IS 'path of the page';
COMMENT ON COLUMN web_vitals.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN web_vitals.lcp_ms IS 'largest contentful paint in ms';
COMMENT ON COLUMN web_vitals.inp_ms IS 'interaction to next paint in ms';
COMMENT ON COLUMN web_vitals.cls IS 'cumulative layout shift, without unit';
SELECT partition_by_time('web_vitals', 'event_time');
GRANT SELECT, INSERT, UPDATE ON web_vitals TO footfall_writer;
GRANT SELECT ON web_vitals TO footfall_reader;

CREATE TABLE user_traits (
  site text NOT NULL,
  visitor_id text NOT NULL,
  user_id text NOT NULL,
  trait text NOT NULL,
  trait_value text NOT NULL,
  event_time timestamptz NOT NULL,
  message_id text NOT NULL,
  PRIMARY KEY (site, visitor_id, user_id, trait)
);
COMMENT ON TABLE user_traits IS 'one row per visitor, user and trait, with what the latest identify call said of it.';
COMMENT ON COLUMN user_traits.site IS 'site that the visitor was on';
COMMENT ON COLUMN user_traits.visitor_id IS 'anonymousId, else userId';
COMMENT ON COLUMN user_traits.user_id IS 'id of the signed-in user; empty where the call names none';
COMMENT ON COLUMN user_traits.trait IS 'name of the trait, as it is sent';
COMMENT ON COLUMN user_traits.trait_value IS
  'its value as text, cut to 100 bytes; empty where it was taken back with null';
COMMENT ON COLUMN user_traits.event_time IS 'when it was said, UTC';
COMMENT ON COLUMN user_traits.message_id IS 'id of the event that said it';
GRANT SELECT, INSERT, UPDATE ON user_traits TO footfall_writer;

CREATE TABLE arrivals_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  library text NOT NULL,
  outcome text NOT NULL,
  event_count bigint NOT NULL,
  wrong_clock_count bigint NOT NULL DEFAULT 0,
  clock_error_ms bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (site, window_start, library, outcome)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE arrivals_per_minute IS 'one row per site, library, outcome and minute of arrival.';
COMMENT ON COLUMN arrivals_per_minute.site IS 'site of the events; empty where they name none';
COMMENT ON COLUMN arrivals_per_minute.window_start IS 'start of the minute in which they were received, UTC';
COMMENT ON COLUMN arrivals_per_minute.library IS 'name of the sending library; empty where they name none';
COMMENT ON COLUMN arrivals_per_minute.outcome IS 'on time, late, duplicate, without needed fields or heartbeat';
COMMENT ON COLUMN arrivals_per_minute.event_count IS 'events with this outcome';
COMMENT ON COLUMN arrivals_per_minute.wrong_clock_count IS
  'those whose sender''s clock was five minutes and more off, so that their time was corrected';
COMMENT ON COLUMN arrivals_per_minute.clock_error_ms IS
  'sum of what the times of these were corrected by in ms, whichever way';
SELECT partition_by_time('arrivals_per_minute', 'window_start');
GRANT SELECT, INSERT, UPDATE ON arrivals_per_minute TO footfall_writer;
GRANT SELECT ON arrivals_per_minute TO footfall_reader;

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
  'one row per event that came more than 60 s after it happened: counted in no other table.';
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
SELECT partition_by_time('late_events', 'received_at');
GRANT SELECT, INSERT, UPDATE ON late_events TO footfall_writer;
GRANT SELECT ON late_events TO footfall_reader;

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
  'its text, cut to a million bytes; a character that Postgres can''t hold reads as the replacement character';
SELECT partition_by_time('rejected_events', 'received_at');
GRANT SELECT, INSERT, UPDATE ON rejected_events TO footfall_writer;
GRANT SELECT ON rejected_events TO footfall_reader;

CREATE TABLE last_records (
  kafka_partition integer NOT NULL,
  kind text NOT NULL,
  kafka_offset bigint NOT NULL,
  kafka_time timestamptz NOT NULL,
  PRIMARY KEY (kafka_partition, kind)
);
COMMENT ON TABLE last_records IS 'one row per Kafka partition and kind of record, the last that it got.';
COMMENT ON COLUMN last_records.kafka_partition IS 'partition of the topic';
COMMENT ON COLUMN last_records.kind IS 'event or heartbeat';
COMMENT ON COLUMN last_records.kafka_offset IS 'place of the record in its partition';
COMMENT ON COLUMN last_records.kafka_time IS 'when the broker appended it, UTC';
GRANT SELECT, INSERT, UPDATE ON last_records TO footfall_writer;
GRANT SELECT ON last_records TO footfall_reader;

-- What Postgres refuses of Flink's rows: the sink writes the other rows of the batch, and this one down here.
CREATE TABLE refused_rows (
  table_name text NOT NULL,
  key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
  refused_at timestamptz NOT NULL,
  last_refused_at timestamptz NOT NULL,
  site text,
  reason text NOT NULL,
  key jsonb NOT NULL,
  original jsonb NOT NULL,
  PRIMARY KEY (table_name, key_hash)
);
CREATE INDEX ON refused_rows (last_refused_at);
COMMENT ON TABLE refused_rows IS 'one row per row that Flink wrote and Postgres refused: it is not in its table';
COMMENT ON COLUMN refused_rows.table_name IS 'table that refused it';
COMMENT ON COLUMN refused_rows.key_hash IS
  'SHA-256 of the key, of any length: the same row that is refused again is the same here';
COMMENT ON COLUMN refused_rows.refused_at IS 'when, the first time';
COMMENT ON COLUMN refused_rows.last_refused_at IS 'when, the last time: a replay writes it again';
COMMENT ON COLUMN refused_rows.site IS 'site of the row, where its table has sites';
COMMENT ON COLUMN refused_rows.reason IS 'what Postgres said, cut to 1,000 characters, with its SQLSTATE';
COMMENT ON COLUMN refused_rows.key IS
  'its key by column, each value as text cut to 10,000 characters; U+FFFD in the place of U+0000';
COMMENT ON COLUMN refused_rows.original IS 'the whole row, likewise';
GRANT SELECT, INSERT, UPDATE ON refused_rows TO footfall_writer;
GRANT SELECT ON refused_rows TO footfall_reader;


-- How long it is kept.

CREATE TABLE data_retention (
  table_name text PRIMARY KEY,
  keep interval CHECK (keep > INTERVAL '0')
);
COMMENT ON TABLE data_retention IS 'one row per table that loses its old rows; a table without a row here is kept for ever';
COMMENT ON COLUMN data_retention.table_name IS 'table whose rows are dropped by age';
COMMENT ON COLUMN data_retention.keep IS 'age by the time column up to which rows stay; NULL = for ever';
INSERT INTO data_retention (table_name, keep) VALUES
  ('sessions', NULL),
  ('visit_events', NULL),
  ('page_views_per_minute', NULL),
  ('engagement_per_minute', NULL),
  ('elements_per_minute', NULL),
  ('custom_events_per_minute', NULL),
  ('web_vitals', NULL),
  ('user_traits', NULL),
  ('arrivals_per_minute', NULL),
  ('anomalies', NULL),
  ('late_events', INTERVAL '90 days'),
  ('rejected_events', INTERVAL '90 days'),
  ('refused_rows', INTERVAL '90 days');


-- Change queues: triggers enqueue what a transaction writes, and the refresh_… functions recompute the roll-ups of what is in
-- the queues. docs/decisions/0008-roll-ups-in-postgres.md says why.

CREATE TABLE traffic_refresh_queue (
  site text NOT NULL,
  session_start timestamptz,
  visitor_id text,
  event_time timestamptz
);
COMMENT ON TABLE traffic_refresh_queue IS
  'one row per visit, or goal of a visitor, that was written since traffic was last recomputed';
COMMENT ON COLUMN traffic_refresh_queue.site IS 'site of the visit';
COMMENT ON COLUMN traffic_refresh_queue.session_start IS 'start of the visit; NULL for a goal, whose visit is looked up';
COMMENT ON COLUMN traffic_refresh_queue.visitor_id IS 'visitor of the visit, or that reached the goal';
COMMENT ON COLUMN traffic_refresh_queue.event_time IS 'when the goal was reached';

CREATE TABLE page_refresh_queue (
  site text NOT NULL,
  window_start timestamptz NOT NULL
);
COMMENT ON TABLE page_refresh_queue IS 'one row per page''s minute that was written since pages was last recomputed';
COMMENT ON COLUMN page_refresh_queue.site IS 'site of the page';
COMMENT ON COLUMN page_refresh_queue.window_start IS 'start of the minute';

CREATE TABLE rollup_refresh_queue (
  rollup_name text NOT NULL,
  site text NOT NULL,
  happened_at timestamptz NOT NULL
);
COMMENT ON TABLE rollup_refresh_queue IS 'one row per row that was written since its roll-up was last recomputed';
COMMENT ON COLUMN rollup_refresh_queue.rollup_name IS 'table in which its hour is to be recomputed';
COMMENT ON COLUMN rollup_refresh_queue.site IS 'site of the row';
COMMENT ON COLUMN rollup_refresh_queue.happened_at IS 'its minute, or when its event happened';

CREATE TABLE people_refresh_queue (
  site text NOT NULL,
  visitor_id text,
  user_id text
);
COMMENT ON TABLE people_refresh_queue IS
  'one row per visit, event of a user or alias that was written since the audience roll-ups were last recomputed';
COMMENT ON COLUMN people_refresh_queue.site IS 'site of it';
COMMENT ON COLUMN people_refresh_queue.visitor_id IS 'visitor whose visits are to be recomputed';
COMMENT ON COLUMN people_refresh_queue.user_id IS 'user whose visitors, and those of all aliases, are to be recomputed';

CREATE TABLE web_vital_refresh_queue (
  site text NOT NULL,
  event_time timestamptz NOT NULL
);
COMMENT ON TABLE web_vital_refresh_queue IS
  'one row per measured page view that was written since web_vital_counts was last recomputed';
COMMENT ON COLUMN web_vital_refresh_queue.site IS 'site of the page';
COMMENT ON COLUMN web_vital_refresh_queue.event_time IS 'when it was reported';

CREATE TABLE funnel_refresh_queue (
  site text NOT NULL,
  visitor_id text NOT NULL,
  event_time timestamptz NOT NULL
);
COMMENT ON TABLE funnel_refresh_queue IS 'one row per action that was written since the funnel roll-ups were last recomputed';
COMMENT ON COLUMN funnel_refresh_queue.site IS 'site of the action';
COMMENT ON COLUMN funnel_refresh_queue.visitor_id IS 'who did it';
COMMENT ON COLUMN funnel_refresh_queue.event_time IS 'when';

CREATE TABLE funnel_rebuild_queue (
  site text NOT NULL,
  funnel text NOT NULL
);
COMMENT ON TABLE funnel_rebuild_queue IS 'one row per edit of a funnel that has not been recomputed since';
COMMENT ON COLUMN funnel_rebuild_queue.site IS 'site of the funnel';
COMMENT ON COLUMN funnel_rebuild_queue.funnel IS 'name of the funnel';
GRANT SELECT ON funnel_rebuild_queue TO footfall_reader;

CREATE TABLE anomaly_refresh_queue (
  site text NOT NULL,
  window_start timestamptz NOT NULL
);
COMMENT ON TABLE anomaly_refresh_queue IS
  'one row per row of page_views_per_minute that was written since anomalies were last searched for';
COMMENT ON COLUMN anomaly_refresh_queue.site IS 'site that was visited';
COMMENT ON COLUMN anomaly_refresh_queue.window_start IS 'start of the minute';

CREATE TABLE bot_classification_queue (
  site text NOT NULL,
  session_start timestamptz NOT NULL,
  session_id text NOT NULL,
  queued_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (site, session_start, session_id)
);
COMMENT ON TABLE bot_classification_queue IS
  'one row per visit of 20 page views and more that was there before all of its events were';
COMMENT ON COLUMN bot_classification_queue.site IS 'site of the visit';
COMMENT ON COLUMN bot_classification_queue.session_start IS 'start of the visit';
COMMENT ON COLUMN bot_classification_queue.session_id IS 'id of the visit';
COMMENT ON COLUMN bot_classification_queue.queued_at IS 'when its row was written first; for a day its events are waited for';


-- Roll-ups by the hour and day of the site's time zone, so that a question about months reads few rows.

CREATE TABLE traffic (
  site text NOT NULL,
  grain text NOT NULL,
  breakdown text NOT NULL,
  period_start timestamptz NOT NULL,
  is_bot boolean NOT NULL,
  device_type text,
  country text,
  channel text,
  source text,
  medium text,
  utm_campaign text,
  browser text,
  operating_system text,
  language_code text,
  entry_page text,
  visit_count bigint NOT NULL,
  page_view_count bigint NOT NULL,
  bounce_count bigint NOT NULL,
  engaged_visit_count bigint NOT NULL,
  duration_ms bigint NOT NULL,
  engaged_ms bigint NOT NULL,
  goal_count bigint NOT NULL,
  exit_page text
);
CREATE INDEX ON traffic (site, grain, breakdown, period_start);
COMMENT ON TABLE traffic IS
  'visits rolled up by the hour or day in which they began: choose one grain and one breakdown, then sum over anything';
COMMENT ON COLUMN traffic.site IS 'site that was visited';
COMMENT ON COLUMN traffic.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN traffic.breakdown IS
  'channel, browser, language, entry page or exit page: which columns it has besides device and country, or without these where it ends in alone; each has all visits';
COMMENT ON COLUMN traffic.period_start IS 'start of the hour or day';
COMMENT ON COLUMN traffic.is_bot IS 'whether the visits are taken for a program''s';
COMMENT ON COLUMN traffic.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN traffic.country IS 'ISO 3166-1 code of the country';
COMMENT ON COLUMN traffic.channel IS 'default channel group; in the breakdown channel';
COMMENT ON COLUMN traffic.source IS 'where the visits came from; in the breakdown channel';
COMMENT ON COLUMN traffic.medium IS 'how they came; in the breakdown channel';
COMMENT ON COLUMN traffic.utm_campaign IS 'their campaign; in the breakdown channel';
COMMENT ON COLUMN traffic.browser IS 'browser; in the breakdown browser';
COMMENT ON COLUMN traffic.operating_system IS 'operating system; in the breakdown browser';
COMMENT ON COLUMN traffic.language_code IS 'language of the browser; in the breakdown language';
COMMENT ON COLUMN traffic.entry_page IS 'page on which they began; in the breakdown entry page';
COMMENT ON COLUMN traffic.visit_count IS 'visits';
COMMENT ON COLUMN traffic.page_view_count IS 'their page views';
COMMENT ON COLUMN traffic.bounce_count IS 'visits that were a bounce';
COMMENT ON COLUMN traffic.engaged_visit_count IS 'visits that were engaged';
COMMENT ON COLUMN traffic.duration_ms IS 'sum of their durations in ms';
COMMENT ON COLUMN traffic.engaged_ms IS 'sum of their engaged time in ms';
COMMENT ON COLUMN traffic.goal_count IS 'goals reached in them';
COMMENT ON COLUMN traffic.exit_page IS 'page on which they ended; in the breakdown exit page';
GRANT SELECT ON traffic TO footfall_reader;

CREATE TABLE visitors_per_day (
  site text NOT NULL,
  day date NOT NULL,
  is_bot boolean NOT NULL,
  visitor_count bigint NOT NULL,
  smallest_hashes bigint[] NOT NULL,
  PRIMARY KEY (site, day, is_bot)
);
COMMENT ON TABLE visitors_per_day IS
  'one row per day of the site''s time zone: its visitors, and a sketch of them that can be merged with other days''';
COMMENT ON COLUMN visitors_per_day.site IS 'site that was visited';
COMMENT ON COLUMN visitors_per_day.day IS 'day on which the visits began';
COMMENT ON COLUMN visitors_per_day.is_bot IS 'whether the visits are taken for a program''s';
COMMENT ON COLUMN visitors_per_day.visitor_count IS 'distinct visitors of this day, exact; do not add up over days';
COMMENT ON COLUMN visitors_per_day.smallest_hashes IS
  'the 4096 smallest hashes of its visitors in their order: all of them where there are no more';
GRANT SELECT ON visitors_per_day TO footfall_reader;

CREATE TABLE pages (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  page_path text NOT NULL,
  page_view_count bigint NOT NULL,
  engaged_ms bigint NOT NULL,
  depth_count bigint NOT NULL,
  depth_sum bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, page_path)
);
COMMENT ON TABLE pages IS 'page views and engagement rolled up by the hour or day: choose one grain';
COMMENT ON COLUMN pages.site IS 'site that was visited';
COMMENT ON COLUMN pages.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN pages.period_start IS 'start of the hour or day';
COMMENT ON COLUMN pages.page_path IS 'path of the page; empty where the event names no page';
COMMENT ON COLUMN pages.page_view_count IS 'events of type page or screen';
COMMENT ON COLUMN pages.engaged_ms IS 'time in ms that the page was visible and in use, of all visitors';
COMMENT ON COLUMN pages.depth_count IS 'reports of how far somebody scrolled';
COMMENT ON COLUMN pages.depth_sum IS 'sum of these depths, each in percent of the page';
GRANT SELECT ON pages TO footfall_reader;

CREATE TABLE elements (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  element_name text NOT NULL,
  page_path text NOT NULL,
  utm_campaign text NOT NULL,
  view_count bigint NOT NULL,
  click_count bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, element_name, page_path, utm_campaign)
);
COMMENT ON TABLE elements IS 'impressions and clicks rolled up by the hour or day: choose one grain';
COMMENT ON COLUMN elements.site IS 'site that was visited';
COMMENT ON COLUMN elements.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN elements.period_start IS 'start of the hour or day';
COMMENT ON COLUMN elements.element_name IS 'name of the element: its attribute data-footfall';
COMMENT ON COLUMN elements.page_path IS 'path of the page that it is on; empty where the event names no page';
COMMENT ON COLUMN elements.utm_campaign IS 'campaign of the page view; empty without one';
COMMENT ON COLUMN elements.view_count IS 'impressions: times that it came into view, once a page view';
COMMENT ON COLUMN elements.click_count IS 'clicks on it';
GRANT SELECT ON elements TO footfall_reader;

CREATE TABLE arrivals (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  library text NOT NULL,
  outcome text NOT NULL,
  event_count bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, library, outcome)
);
COMMENT ON TABLE arrivals IS 'arrivals rolled up by the hour or day: choose one grain';
COMMENT ON COLUMN arrivals.site IS 'site of the events; empty where they name none';
COMMENT ON COLUMN arrivals.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN arrivals.period_start IS 'start of the hour or day';
COMMENT ON COLUMN arrivals.library IS 'name of the sending library; empty where they name none';
COMMENT ON COLUMN arrivals.outcome IS 'on time, late, duplicate, without needed fields or heartbeat';
COMMENT ON COLUMN arrivals.event_count IS 'events with this outcome';
GRANT SELECT ON arrivals TO footfall_reader;

CREATE TABLE custom_events (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  event_name text NOT NULL,
  label text NOT NULL,
  event_count bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, event_name, label)
);
COMMENT ON TABLE custom_events IS 'what visitors did, by name and label, rolled up by the hour or day: choose one grain';
COMMENT ON COLUMN custom_events.site IS 'site that was visited';
COMMENT ON COLUMN custom_events.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN custom_events.period_start IS 'start of the hour or day';
COMMENT ON COLUMN custom_events.event_name IS 'name of the event; empty without one';
COMMENT ON COLUMN custom_events.label IS 'its properties.label; empty without one';
COMMENT ON COLUMN custom_events.event_count IS 'interactions with this name and label';
GRANT SELECT ON custom_events TO footfall_reader;

CREATE TABLE actions (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  event_type text NOT NULL,
  event_name text,
  currency text,
  event_count bigint NOT NULL,
  revenue numeric(38, 4)
);
CREATE INDEX ON actions (site, grain, period_start);
COMMENT ON TABLE actions IS 'track events, and what earned something, rolled up by the hour or day: choose one grain';
COMMENT ON COLUMN actions.site IS 'site that was visited';
COMMENT ON COLUMN actions.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN actions.period_start IS 'start of the hour or day';
COMMENT ON COLUMN actions.event_type IS 'track, or the type of what earned something';
COMMENT ON COLUMN actions.event_name IS 'name of the event, whether or not it is a goal';
COMMENT ON COLUMN actions.currency IS 'ISO 4217 code of revenue';
COMMENT ON COLUMN actions.event_count IS 'events';
COMMENT ON COLUMN actions.revenue IS 'what they earned; NULL where none earned anything';
GRANT SELECT ON actions TO footfall_reader;

CREATE TABLE links (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  target_url text NOT NULL,
  click_count bigint NOT NULL
);
CREATE INDEX ON links (site, grain, period_start);
COMMENT ON TABLE links IS 'clicks on links out of the site rolled up by the hour or day: choose one grain';
COMMENT ON COLUMN links.site IS 'site that was left';
COMMENT ON COLUMN links.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN links.period_start IS 'start of the hour or day';
COMMENT ON COLUMN links.target_url IS 'where they led';
COMMENT ON COLUMN links.click_count IS 'events named Link Clicked';
GRANT SELECT ON links TO footfall_reader;

CREATE TABLE attribution (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  model text NOT NULL,
  channel text,
  goal text NOT NULL,
  currency text,
  conversion_count bigint NOT NULL,
  revenue numeric(38, 4)
);
CREATE INDEX ON attribution (site, grain, period_start);
COMMENT ON TABLE attribution IS
  'attributed_conversions rolled up by the hour or day of the goal: choose one grain and one model';
COMMENT ON COLUMN attribution.site IS 'site that was visited';
COMMENT ON COLUMN attribution.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN attribution.period_start IS 'start of the hour or day in which the goals were reached';
COMMENT ON COLUMN attribution.model IS 'first touch, last touch or last non-direct';
COMMENT ON COLUMN attribution.channel IS 'channel that gets the credit by this model';
COMMENT ON COLUMN attribution.goal IS 'name of the goal';
COMMENT ON COLUMN attribution.currency IS 'ISO 4217 code of revenue';
COMMENT ON COLUMN attribution.conversion_count IS 'goals reached, of visits that have ended';
COMMENT ON COLUMN attribution.revenue IS 'what they earned; NULL where none earned anything';
GRANT SELECT ON attribution TO footfall_reader;

CREATE TABLE web_vital_counts (
  site text NOT NULL,
  breakdown text NOT NULL,
  grain text NOT NULL,
  day date NOT NULL,
  page_path text,
  device_type text,
  measured_count bigint NOT NULL,
  lcp_ms integer[],
  inp_ms integer[],
  cls integer[]
);
CREATE INDEX ON web_vital_counts (site, breakdown, grain, day);
CREATE INDEX ON web_vital_counts (site, page_path, grain, day) WHERE breakdown = 'page';
COMMENT ON TABLE web_vital_counts IS
  'measured page views by day: choose one grain and one breakdown. A measure is an array of two rows: buckets, and how many were in each';
COMMENT ON COLUMN web_vital_counts.site IS 'site of the page';
COMMENT ON COLUMN web_vital_counts.breakdown IS 'device, or page: by page and device; each has all page views';
COMMENT ON COLUMN web_vital_counts.grain IS
  'day of the site''s time zone; or week, from Monday, in the breakdown page alone';
COMMENT ON COLUMN web_vital_counts.day IS 'the day, or the first one of the week';
COMMENT ON COLUMN web_vital_counts.page_path IS 'path of the page; in the breakdown page';
COMMENT ON COLUMN web_vital_counts.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN web_vital_counts.measured_count IS 'page views whose speed was measured';
COMMENT ON COLUMN web_vital_counts.lcp_ms IS
  'largest contentful paint in ms, by bucket_of; NULL where none was measured';
COMMENT ON COLUMN web_vital_counts.inp_ms IS 'interaction to next paint in ms, likewise';
COMMENT ON COLUMN web_vital_counts.cls IS 'cumulative layout shift, likewise';
GRANT SELECT ON web_vital_counts TO footfall_reader;


-- Audience roll-ups of people, visitors and cohorts: docs/decisions/0013-many-visits.md. What has become nothing is looked for
-- after each refresh, and not in all rows: hence the indexes of rows with 0.

CREATE TABLE visit_days (
  site text NOT NULL,
  visitor_id text NOT NULL,
  person_id text NOT NULL,
  day date NOT NULL,
  country text,
  language_code text,
  device_type text,
  visit_count bigint NOT NULL,
  first_start timestamptz NOT NULL,
  first_hour timestamptz NOT NULL,
  is_first_bot boolean NOT NULL
);
CREATE INDEX ON visit_days (site, visitor_id);
CREATE INDEX ON visit_days (site, person_id);
COMMENT ON TABLE visit_days IS
  'one row per visitor, person and day of the site''s time zone, and per country, language and device: what the audience roll-ups hold';
COMMENT ON COLUMN visit_days.site IS 'site that was visited';
COMMENT ON COLUMN visit_days.visitor_id IS 'visitor of the visits';
COMMENT ON COLUMN visit_days.person_id IS 'person behind them, as in person_visits';
COMMENT ON COLUMN visit_days.day IS 'day on which they began';
COMMENT ON COLUMN visit_days.country IS 'ISO 3166-1 code of the country';
COMMENT ON COLUMN visit_days.language_code IS 'language of the browser';
COMMENT ON COLUMN visit_days.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN visit_days.visit_count IS 'visits, programs'' left out';
COMMENT ON COLUMN visit_days.first_start IS 'start of the first of all of them, programs'' too';
COMMENT ON COLUMN visit_days.first_hour IS 'hour of the site''s time zone in which that was';
COMMENT ON COLUMN visit_days.is_first_bot IS 'whether that is taken for a program''s';

CREATE TABLE first_visits (
  site text NOT NULL,
  hour timestamptz NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, hour)
);
CREATE INDEX ON first_visits (site) WHERE person_count = 0;
COMMENT ON TABLE first_visits IS 'one row per hour of the site''s time zone in which somebody came for the first time';
COMMENT ON COLUMN first_visits.site IS 'site that was visited';
COMMENT ON COLUMN first_visits.hour IS 'start of the hour';
COMMENT ON COLUMN first_visits.person_count IS 'people whose first visit began in it';
GRANT SELECT ON first_visits TO footfall_reader;

CREATE TABLE active_people (
  site text NOT NULL,
  day date NOT NULL,
  previous_day date NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, day, previous_day)
);
CREATE INDEX ON active_people (site) WHERE person_count = 0;
COMMENT ON TABLE active_people IS
  'people of each day by the day on which they came last before: those of some days are the sum where previous_day is earlier than all of these';
COMMENT ON COLUMN active_people.site IS 'site that was visited';
COMMENT ON COLUMN active_people.day IS 'day on which they came';
COMMENT ON COLUMN active_people.previous_day IS 'day on which they came last before; -infinity for those who never had';
COMMENT ON COLUMN active_people.person_count IS 'people';
GRANT SELECT ON active_people TO footfall_reader;

CREATE TABLE active_visitors (
  site text NOT NULL,
  dimension text NOT NULL,
  value text,
  day date NOT NULL,
  previous_day date NOT NULL,
  visitor_count bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (site, dimension, day, value, previous_day)
);
CREATE INDEX ON active_visitors (site) WHERE visitor_count = 0;
COMMENT ON TABLE active_visitors IS 'visitors of each day by country, language and device, likewise';
COMMENT ON COLUMN active_visitors.site IS 'site that was visited';
COMMENT ON COLUMN active_visitors.dimension IS 'country, language or device';
COMMENT ON COLUMN active_visitors.value IS 'which of them; NULL where it is not known';
COMMENT ON COLUMN active_visitors.day IS 'day on which they came';
COMMENT ON COLUMN active_visitors.previous_day IS
  'day on which they came last before with the same value; -infinity for those who never had';
COMMENT ON COLUMN active_visitors.visitor_count IS 'visitors';
GRANT SELECT ON active_visitors TO footfall_reader;

CREATE TABLE cohorts (
  site text NOT NULL,
  unit text NOT NULL,
  cohort date NOT NULL,
  period integer NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, unit, cohort, period)
);
CREATE INDEX ON cohorts (site) WHERE person_count = 0;
COMMENT ON TABLE cohorts IS
  'people by the day, week or month in which they were first seen, and how many came so many later';
COMMENT ON COLUMN cohorts.site IS 'site that was visited';
COMMENT ON COLUMN cohorts.unit IS 'day, week or month, each of the site''s time zone';
COMMENT ON COLUMN cohorts.cohort IS 'first day of the one in which they were first seen';
COMMENT ON COLUMN cohorts.period IS 'how many units later they came; 0 is the first';
COMMENT ON COLUMN cohorts.person_count IS 'people';
GRANT SELECT ON cohorts TO footfall_reader;

CREATE TABLE visits_per_person (
  site text NOT NULL,
  visit_count integer NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, visit_count)
);
COMMENT ON TABLE visits_per_person IS 'how many people came how often';
COMMENT ON COLUMN visits_per_person.site IS 'site that was visited';
COMMENT ON COLUMN visits_per_person.visit_count IS 'visits, 10 standing for all numbers from there on';
COMMENT ON COLUMN visits_per_person.person_count IS 'people';
GRANT SELECT ON visits_per_person TO footfall_reader;

CREATE TABLE shared_visitors (
  site text NOT NULL,
  visitor_id text NOT NULL,
  PRIMARY KEY (site, visitor_id)
);
COMMENT ON TABLE shared_visitors IS 'one row per visitor in identity_conflicts';
COMMENT ON COLUMN shared_visitors.site IS 'site that was visited';
COMMENT ON COLUMN shared_visitors.visitor_id IS 'visitor with several users';
GRANT SELECT ON shared_visitors TO footfall_reader;


-- Funnels: steps that analysts name, and how far each visitor came. docs/definitions.md says what a funnel is.
-- Their counts have an index of rows with 0 too.

CREATE TABLE funnels (
  site text NOT NULL,
  funnel text NOT NULL CHECK (funnel <> ''),
  within interval NOT NULL DEFAULT INTERVAL '1 day' CHECK (within > INTERVAL '0'),
  is_strict boolean NOT NULL DEFAULT false,
  PRIMARY KEY (site, funnel)
);
COMMENT ON TABLE funnels IS 'one row per funnel: edit it, and its steps, as the owner';
COMMENT ON COLUMN funnels.site IS 'site whose visitors are followed';
COMMENT ON COLUMN funnels.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnels.within IS 'time from the first step to the last';
COMMENT ON COLUMN funnels.is_strict IS
  'whether a step must be the visitor''s very next action, or may have others before it';
GRANT SELECT ON funnels TO footfall_reader;
-- It is in the keys of a funnel's roll-ups, beside a visitor's id: a long one would end the refresh of all funnels.
-- Not asked of the names that were there before it was.
ALTER TABLE funnels ADD CONSTRAINT funnels_funnel_bytes CHECK (octet_length(funnel) <= 255) NOT VALID;

CREATE TABLE funnel_steps (
  site text NOT NULL,
  funnel text NOT NULL,
  step integer NOT NULL CHECK (step BETWEEN 1 AND 8),
  name text NOT NULL,
  event_type text,
  event_name text,
  page_path text,
  label text,
  PRIMARY KEY (site, funnel, step),
  FOREIGN KEY (site, funnel) REFERENCES funnels ON DELETE CASCADE,
  CHECK (num_nonnulls(event_type, event_name, page_path, label) > 0)
);
COMMENT ON TABLE funnel_steps IS
  'one row per step of a funnel, numbered from 1 without gaps; a column that is NULL asks for nothing';
COMMENT ON COLUMN funnel_steps.site IS 'site of the funnel';
COMMENT ON COLUMN funnel_steps.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_steps.step IS 'place of the step, 1 to 8';
COMMENT ON COLUMN funnel_steps.name IS 'what people call the step';
COMMENT ON COLUMN funnel_steps.event_type IS 'type of the action: page, screen, track, …';
COMMENT ON COLUMN funnel_steps.event_name IS 'name of the event, page or screen';
COMMENT ON COLUMN funnel_steps.page_path IS 'path of the page, a LIKE pattern: /p/% is any product';
COMMENT ON COLUMN funnel_steps.label IS 'properties.label of the event';
GRANT SELECT ON funnel_steps TO footfall_reader;

CREATE TABLE funnel_entries (
  site text NOT NULL,
  funnel text NOT NULL,
  visitor_id text NOT NULL,
  day date NOT NULL,
  depth integer NOT NULL,
  step_times timestamptz[] NOT NULL,
  PRIMARY KEY (site, funnel, visitor_id, day)
);
COMMENT ON TABLE funnel_entries IS
  'one row per funnel, visitor and day of the site''s time zone on which they did the first step: what the funnel roll-ups hold';
COMMENT ON COLUMN funnel_entries.site IS 'site that was visited';
COMMENT ON COLUMN funnel_entries.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_entries.visitor_id IS 'who did it';
COMMENT ON COLUMN funnel_entries.day IS 'day of the first step';
COMMENT ON COLUMN funnel_entries.depth IS 'furthest step that was reached from a first step of this day';
COMMENT ON COLUMN funnel_entries.step_times IS 'when each step was done, on the first path that led so far';

CREATE TABLE funnel_counts (
  site text NOT NULL,
  funnel text NOT NULL,
  step integer NOT NULL,
  day date NOT NULL,
  previous_day date NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, funnel, step, day, previous_day)
);
CREATE INDEX ON funnel_counts (site) WHERE visitor_count = 0;
COMMENT ON TABLE funnel_counts IS
  'visitors that reached a step, by the day of their first step and the one before on which they came so far';
COMMENT ON COLUMN funnel_counts.site IS 'site that was visited';
COMMENT ON COLUMN funnel_counts.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_counts.step IS 'step that was reached';
COMMENT ON COLUMN funnel_counts.day IS 'day of the site''s time zone on which the first step was done';
COMMENT ON COLUMN funnel_counts.previous_day IS
  'day before of a first step that led to this one; -infinity for those without any';
COMMENT ON COLUMN funnel_counts.visitor_count IS 'visitors';
GRANT SELECT ON funnel_counts TO footfall_reader;

CREATE TABLE funnel_times (
  site text NOT NULL,
  funnel text NOT NULL,
  step integer NOT NULL,
  day date NOT NULL,
  better_before date NOT NULL,
  better_after date NOT NULL,
  bucket integer NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, funnel, step, day, better_before, better_after, bucket) INCLUDE (visitor_count)
);
CREATE INDEX ON funnel_times (site) WHERE visitor_count = 0;
COMMENT ON TABLE funnel_times IS
  'how long visitors took to a step from the one before, by the days between which no entry of theirs is better';
COMMENT ON COLUMN funnel_times.site IS 'site that was visited';
COMMENT ON COLUMN funnel_times.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_times.step IS 'step that was reached, 2 or more';
COMMENT ON COLUMN funnel_times.day IS 'day of the site''s time zone on which the first step was done';
COMMENT ON COLUMN funnel_times.better_before IS
  'last day before of an entry that led further, or as far sooner; else -infinity';
COMMENT ON COLUMN funnel_times.better_after IS 'first day after, likewise; else infinity';
COMMENT ON COLUMN funnel_times.bucket IS 'the time in ms, by bucket_of';
COMMENT ON COLUMN funnel_times.visitor_count IS 'visitors';
GRANT SELECT ON funnel_times TO footfall_reader;


-- Minutes that are not as the last weeks let expect.

CREATE TABLE anomalies (
  site text NOT NULL,
  metric text NOT NULL,
  started timestamptz NOT NULL,
  ended timestamptz,
  direction text NOT NULL,
  minute_count bigint NOT NULL,
  actual bigint NOT NULL,
  expected double precision NOT NULL,
  size double precision NOT NULL,
  worst_minute timestamptz NOT NULL,
  worst_value bigint NOT NULL,
  PRIMARY KEY (site, metric, started)
);
COMMENT ON TABLE anomalies IS
  'one row per run of minutes with more or fewer of something than the last weeks let expect; written by refresh_anomalies';
COMMENT ON COLUMN anomalies.site IS 'site that was visited';
COMMENT ON COLUMN anomalies.metric IS 'what was counted: page views';
COMMENT ON COLUMN anomalies.started IS 'start of its first minute';
COMMENT ON COLUMN anomalies.ended IS
  'end of its last minute; NULL while the newest minute that was searched is one of it';
COMMENT ON COLUMN anomalies.direction IS 'more or fewer than expected';
COMMENT ON COLUMN anomalies.minute_count IS 'minutes that it has lasted';
COMMENT ON COLUMN anomalies.actual IS 'how many there were in these minutes';
COMMENT ON COLUMN anomalies.expected IS 'how many the band lets expect in them: the sum of the medians';
COMMENT ON COLUMN anomalies.size IS 'distance of the worst minute from what was expected in it, in deviations';
COMMENT ON COLUMN anomalies.worst_minute IS 'start of the minute that is furthest off; the first of several';
COMMENT ON COLUMN anomalies.worst_value IS 'how many there were in the worst minute';
GRANT SELECT ON anomalies TO footfall_reader;

CREATE TABLE anomaly_progress (
  site text PRIMARY KEY,
  zone text NOT NULL,
  first_minute timestamptz NOT NULL,
  checked_until timestamptz NOT NULL
);
COMMENT ON TABLE anomaly_progress IS 'one row per site with page views: up to when its minutes are searched for anomalies, and by what';
COMMENT ON COLUMN anomaly_progress.site IS 'site that was visited';
COMMENT ON COLUMN anomaly_progress.zone IS 'time zone by which the same minute of the last weeks was found';
COMMENT ON COLUMN anomaly_progress.first_minute IS 'first minute with a page view: what is before it is not known';
COMMENT ON COLUMN anomaly_progress.checked_until IS 'end of the last minute whose anomaly, if it is one, is in anomalies';
GRANT SELECT ON anomaly_progress TO footfall_reader;


-- Whom `footfall person erase` has erased: a replay of the log must not bring their rows back. Ids are kept as hashes that
-- need a secret of this database. docs/decisions/0015-erasing-a-person.md says why.

CREATE TABLE erasure_key (
  key bytea NOT NULL CHECK (octet_length(key) = 32)
);
COMMENT ON TABLE erasure_key IS 'one row: the secret with which erased ids are hashed';
COMMENT ON COLUMN erasure_key.key IS '32 bytes; without them a hash can''t be tried out';
-- 488 bits of Postgres' strong randomness in four UUIDs.
INSERT INTO erasure_key
SELECT sha256(string_agg(uuid_send(gen_random_uuid()), ''::bytea)) FROM generate_series(1, 4);

CREATE TABLE erasure_suppressions (
  site text NOT NULL,
  id_hash bytea NOT NULL CHECK (octet_length(id_hash) = 32),
  erased_until timestamptz NOT NULL,
  PRIMARY KEY (site, id_hash)
);
CREATE INDEX ON erasure_suppressions (site, erased_until);
COMMENT ON TABLE erasure_suppressions IS 'one row per id whose rows were erased and are not to be written again';
COMMENT ON COLUMN erasure_suppressions.site IS 'site of the rows';
COMMENT ON COLUMN erasure_suppressions.id_hash IS 'what erased_hash makes of the id';
COMMENT ON COLUMN erasure_suppressions.erased_until IS 'rows of earlier times are refused; who comes back later is a new person';


-- The jobs: what was done to them, by whom and with which SQL, which `footfall plan`, `upgrade`, `rollback` and `history`
-- read; and how they are, as the maintenance process sees them every few seconds, which can be asked while Flink is dead.
-- What a command is about to do to a job is written down before it does it, so that one that is killed can be finished or
-- taken back: footfall/deploy/intents.py.

CREATE TABLE job_versions (
  version text PRIMARY KEY,
  job text NOT NULL,
  files jsonb NOT NULL
);
COMMENT ON TABLE job_versions IS 'one row per text of a job: its file and every table and view below it';
COMMENT ON COLUMN job_versions.version IS 'SHA-256 of the files';
COMMENT ON COLUMN job_versions.job IS 'file in sql/jobs';
COMMENT ON COLUMN job_versions.files IS 'path below sql/ to text; ${NAME} as it stands there: it holds no secret';
GRANT SELECT ON job_versions TO footfall_reader;

CREATE TABLE job_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job text NOT NULL,
  action text NOT NULL CHECK (action IN (
    'submit', 'upgrade', 'rollback', 'resume', 'suspend', 'exchange', 'stop', 'run', 'failed',
    'submitting', 'trying', 'running', 'replaying', 'stopping', 'suspending', 'changing'
  )),
  happened_at timestamptz NOT NULL DEFAULT now(),
  who text NOT NULL,
  version text NOT NULL REFERENCES job_versions,
  flink_job_id text,
  parallelism integer,
  savepoint text,
  savepoint_removed_at timestamptz,
  plan json,
  note text NOT NULL DEFAULT '',
  topic text,
  offsets jsonb
);
CREATE INDEX ON job_history (job, id);
COMMENT ON TABLE job_history IS 'one row per thing that was done to a job';
COMMENT ON COLUMN job_history.job IS 'job that it was done to';
COMMENT ON COLUMN job_history.action IS
  'what was done: submit, upgrade, rollback and resume start the job, stop, suspend (it is resumed) and run end it, exchange puts the rows of a replay in the place of the real ones; failed did not come to its end; submitting, trying, running, replaying, stopping, suspending and changing are about to be done';
COMMENT ON COLUMN job_history.happened_at IS 'when it was done';
COMMENT ON COLUMN job_history.who IS 'user of the operating system who did it';
COMMENT ON COLUMN job_history.version IS 'SQL that the job had afterwards; for a stop, before';
COMMENT ON COLUMN job_history.flink_job_id IS 'job of the cluster that was started or ended, or is about to be';
COMMENT ON COLUMN job_history.parallelism IS 'parallelism that it was started with';
COMMENT ON COLUMN job_history.savepoint IS
  'where it started from, or by a stop, where its state is kept; NULL is the start of the topic';
COMMENT ON COLUMN job_history.savepoint_removed_at IS 'when the savepoint was removed for its age';
COMMENT ON COLUMN job_history.plan IS
  'plan that Flink compiled of the SQL when it was submitted; json, since jsonb takes no U+0000';
COMMENT ON COLUMN job_history.note IS 'in words';
COMMENT ON COLUMN job_history.topic IS 'topic that the job reads; NULL in rows of before 0.2';
COMMENT ON COLUMN job_history.offsets IS
  'partition to offset: by a suspend, what the job had read at least; by a start from the beginning of the topic, where that was';
GRANT SELECT ON job_history TO footfall_reader;

CREATE TABLE job_health (
  job text PRIMARY KEY,
  should_run boolean NOT NULL,
  state text NOT NULL,
  since timestamptz NOT NULL,
  restart_count integer NOT NULL,
  cause text NOT NULL,
  flink_job_id text,
  read_count bigint,
  unread_count bigint,
  last_progress timestamptz NOT NULL,
  checked_at timestamptz NOT NULL
);
COMMENT ON TABLE job_health IS 'one row per job that runs or should run, as `footfall maintain --every` saw it last';
COMMENT ON COLUMN job_health.job IS 'file in sql/jobs or sql/statement_sets';
COMMENT ON COLUMN job_health.should_run IS 'true for one that was submitted and not stopped';
COMMENT ON COLUMN job_health.state IS 'running, starting, restarting, stopping or not running';
COMMENT ON COLUMN job_health.since IS 'since when it is in this state';
COMMENT ON COLUMN job_health.restart_count IS 'restarts of the last ten minutes, 16 at most';
COMMENT ON COLUMN job_health.cause IS
  'root cause of the last failure of those ten minutes, or why it is not known how it is';
COMMENT ON COLUMN job_health.flink_job_id IS 'job of the cluster; NULL where there is none';
COMMENT ON COLUMN job_health.read_count IS 'sum of the offsets up to which its slowest source has read the topic';
COMMENT ON COLUMN job_health.unread_count IS
  'records of the topic that its slowest source has not read; NULL where that is not known';
COMMENT ON COLUMN job_health.last_progress IS 'when it last read on, or had nothing to read';
COMMENT ON COLUMN job_health.checked_at IS 'when it was looked at: an old time says that nobody looks any more';
GRANT SELECT ON job_health TO footfall_reader;

-- migrate:down

DROP TABLE
  job_health, job_history, job_versions, erasure_suppressions, erasure_key, anomaly_progress, anomalies, funnel_times,
  funnel_counts, funnel_entries, funnel_steps, funnels, shared_visitors, visits_per_person, cohorts, active_visitors,
  active_people, first_visits, visit_days, web_vital_counts, attribution, links, actions, custom_events, arrivals,
  elements, pages, visitors_per_day, traffic, bot_classification_queue, anomaly_refresh_queue, funnel_rebuild_queue,
  funnel_refresh_queue, web_vital_refresh_queue, people_refresh_queue, rollup_refresh_queue, page_refresh_queue,
  traffic_refresh_queue, data_retention, refused_rows, last_records, rejected_events, late_events,
  arrivals_per_minute, user_traits, web_vitals, custom_events_per_minute, elements_per_minute, engagement_per_minute,
  page_views_per_minute, visit_events, sessions, visitor_salts, write_keys, sites
CASCADE;
DROP FUNCTION IF EXISTS partition_by_time;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO PUBLIC;
REVOKE USAGE ON SCHEMA public FROM footfall_writer, footfall_reader, footfall_collector;
GRANT USAGE ON SCHEMA public TO PUBLIC;
DO $$
BEGIN
  EXECUTE format(
    'REVOKE CONNECT ON DATABASE %I FROM footfall_writer, footfall_reader, footfall_collector', current_database()
  );
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
END
$$;
