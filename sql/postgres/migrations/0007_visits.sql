-- What the visits are worth and who made them: more of each visit, and the rows that goals, funnels and people are told
-- from. Columns, keys and comments are those of sql/tables/, which a test compares.

-- migrate:up

-- Visits that are there already have the defaults until their log is replayed (`footfall upgrade sessions` does it).
ALTER TABLE sessions
  ADD COLUMN user_id text,
  ADD COLUMN source text NOT NULL DEFAULT '(direct)',
  ADD COLUMN medium text NOT NULL DEFAULT '(none)',
  ADD COLUMN channel text NOT NULL DEFAULT 'Unassigned',
  ADD COLUMN country text,
  ADD COLUMN region text,
  ADD COLUMN language_code text,
  ADD COLUMN device_type text,
  ADD COLUMN browser text,
  ADD COLUMN browser_version text,
  ADD COLUMN operating_system text,
  ADD COLUMN interaction_count bigint NOT NULL DEFAULT 0,
  ADD COLUMN engaged_ms bigint NOT NULL DEFAULT 0,
  ADD COLUMN revenue numeric(38, 4),
  ADD COLUMN currency text,
  ADD COLUMN bot_reason text,
  ADD COLUMN is_bot boolean NOT NULL DEFAULT false;
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
CREATE INDEX ON visit_events (site, event_name, event_time);
COMMENT ON TABLE visit_events IS 'one row per event that came on time, once: what visits consist of.';
COMMENT ON COLUMN visit_events.site IS 'site that the event belongs to';
COMMENT ON COLUMN visit_events.event_time IS 'when it happened, UTC';
COMMENT ON COLUMN visit_events.message_id IS 'id that the sender gave the event';
COMMENT ON COLUMN visit_events.visitor_id IS 'anonymousId, else userId';
COMMENT ON COLUMN visit_events.user_id IS 'id of the signed-in user';
COMMENT ON COLUMN visit_events.previous_id IS 'of an alias: the id that user_id replaces';
COMMENT ON COLUMN visit_events.event_type IS 'page, screen, track, identify, group or alias';
COMMENT ON COLUMN visit_events.event_name IS 'name of the track event, page or screen';
COMMENT ON COLUMN visit_events.is_action IS
  'whether somebody did something; a page reports the rest by itself';
COMMENT ON COLUMN visit_events.page_path IS 'path of the page';
COMMENT ON COLUMN visit_events.country IS 'ISO 3166-1 code of the country';
COMMENT ON COLUMN visit_events.search_term IS 'what was searched for on the site';
COMMENT ON COLUMN visit_events.element_name IS 'name of the element that was clicked';
COMMENT ON COLUMN visit_events.target_url IS 'where a click led';
COMMENT ON COLUMN visit_events.label IS 'properties.label, for whatever the site tells apart by it';
COMMENT ON COLUMN visit_events.engaged_ms IS
  'time in ms that the page was visible and in use, since the last report';
COMMENT ON COLUMN visit_events.revenue IS 'what the event earned; negative for a refund';
COMMENT ON COLUMN visit_events.currency IS 'ISO 4217 code of revenue';
SELECT keep_by_time('visit_events', 'event_time');

CREATE TABLE engagement_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  page_path text NOT NULL,
  engaged_ms bigint NOT NULL,
  depth_count bigint NOT NULL,
  depth_sum bigint NOT NULL,
  PRIMARY KEY (site, window_start, page_path)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE engagement_per_minute IS
  'one row per site, minute and page that somebody spent time on in it.';
COMMENT ON COLUMN engagement_per_minute.site IS 'site that was visited';
COMMENT ON COLUMN engagement_per_minute.window_start IS 'start of the minute, UTC';
COMMENT ON COLUMN engagement_per_minute.page_path IS 'path of the page; empty where the event names no page';
COMMENT ON COLUMN engagement_per_minute.engaged_ms IS
  'time in ms that the page was visible and in use, of all visitors';
COMMENT ON COLUMN engagement_per_minute.depth_count IS 'reports of how far somebody scrolled';
COMMENT ON COLUMN engagement_per_minute.depth_sum IS
  'sum of these depths, each in percent of the page: depth_sum / depth_count is the mean';
SELECT keep_by_time('engagement_per_minute', 'window_start');

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
SELECT keep_by_time('elements_per_minute', 'window_start');

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
COMMENT ON TABLE web_vitals IS
  'one row per page view whose speed was measured.';
COMMENT ON COLUMN web_vitals.site IS 'site that was visited';
COMMENT ON COLUMN web_vitals.event_time IS 'when it was reported, UTC';
COMMENT ON COLUMN web_vitals.message_id IS 'id that the sender gave the event';
COMMENT ON COLUMN web_vitals.page_path IS 'path of the page';
COMMENT ON COLUMN web_vitals.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN web_vitals.lcp_ms IS 'largest contentful paint in ms';
COMMENT ON COLUMN web_vitals.inp_ms IS 'interaction to next paint in ms';
COMMENT ON COLUMN web_vitals.cls IS 'cumulative layout shift, without unit';
SELECT keep_by_time('web_vitals', 'event_time');

CREATE INDEX ON sessions (site, visitor_id, session_start);

INSERT INTO retention (table_name, keep) VALUES
  ('visit_events', NULL),
  ('engagement_per_minute', NULL),
  ('elements_per_minute', NULL),
  ('web_vitals', NULL);
GRANT SELECT, INSERT, UPDATE ON visit_events, engagement_per_minute, elements_per_minute, web_vitals
TO footfall_writer;
GRANT SELECT ON visit_events, engagement_per_minute, elements_per_minute, web_vitals TO footfall_reader;

-- migrate:down

DELETE FROM retention
WHERE table_name IN ('visit_events', 'engagement_per_minute', 'elements_per_minute', 'web_vitals');
DROP TABLE visit_events, engagement_per_minute, elements_per_minute, web_vitals;
DROP INDEX sessions_site_visitor_id_session_start_idx;
ALTER TABLE sessions
  DROP COLUMN user_id,
  DROP COLUMN source,
  DROP COLUMN medium,
  DROP COLUMN channel,
  DROP COLUMN country,
  DROP COLUMN region,
  DROP COLUMN language_code,
  DROP COLUMN device_type,
  DROP COLUMN browser,
  DROP COLUMN browser_version,
  DROP COLUMN operating_system,
  DROP COLUMN interaction_count,
  DROP COLUMN engaged_ms,
  DROP COLUMN revenue,
  DROP COLUMN currency,
  DROP COLUMN bot_reason,
  DROP COLUMN is_bot;
