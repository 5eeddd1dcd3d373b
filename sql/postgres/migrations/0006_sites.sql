-- The sites that the collector takes events for, their write keys, and the salts of the day. `footfall site` changes the
-- first two as the owner; the collector reads them every two seconds. On a server of your own, make the role
-- footfall_collector before you migrate.

-- migrate:up

CREATE TABLE sites (
  site text PRIMARY KEY CHECK (site ~ '^[a-z0-9._-]{1,100}$'),
  origins text[] NOT NULL DEFAULT '{}' CHECK (array_position(origins, NULL) IS NULL),
  timezone text NOT NULL DEFAULT 'UTC',
  goals text[] NOT NULL DEFAULT '{}' CHECK (array_position(goals, NULL) IS NULL),
  default_consent text NOT NULL DEFAULT 'full' CHECK (default_consent IN ('none', 'anonymous', 'full')),
  denied_fields text[] NOT NULL DEFAULT '{}' CHECK (array_position(denied_fields, NULL) IS NULL),
  requests_per_second integer NOT NULL DEFAULT 1000 CHECK (requests_per_second >= 0),
  pseudonym_key bytea NOT NULL CHECK (octet_length(pseudonym_key) = 32),
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sites IS 'one row per site that the collector takes events for';
COMMENT ON COLUMN sites.site IS 'name of the site, as in every table';
COMMENT ON COLUMN sites.origins IS 'whose pages may send, scheme://host[:port] in lower case; * is any. Servers send no origin and always may';
COMMENT ON COLUMN sites.timezone IS 'IANA time zone of the days of the site';
COMMENT ON COLUMN sites.goals IS 'names of the events that are conversions';
COMMENT ON COLUMN sites.default_consent IS 'what may be kept of an event that says nothing of consent: none, anonymous or full';
COMMENT ON COLUMN sites.denied_fields IS 'names of fields that are never kept, on top of those that the collector removes for every site';
COMMENT ON COLUMN sites.requests_per_second IS 'requests a second with each of its write keys; 0 = any number';
COMMENT ON COLUMN sites.pseudonym_key IS 'secret with which an id that is an e-mail address becomes a pseudonym; 32 random bytes';
COMMENT ON COLUMN sites.created_at IS 'when the site was added';

CREATE TABLE site_keys (
  write_key text PRIMARY KEY CHECK (write_key ~ '^[A-Za-z0-9_-]{1,200}$'),
  site text NOT NULL REFERENCES sites ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX ON site_keys (site, created_at);
COMMENT ON TABLE site_keys IS 'one row per write key; while keys are rotated, a site has several that count';
COMMENT ON COLUMN site_keys.write_key IS 'what an event is sent with; it stands in every page, and lets nobody read anything';
COMMENT ON COLUMN site_keys.site IS 'site that its events belong to';
COMMENT ON COLUMN site_keys.created_at IS 'when it was made';
COMMENT ON COLUMN site_keys.expires_at IS 'from when on it counts no longer; NULL = never';

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
COMMENT ON COLUMN visitor_salts.salt IS 'secret that makes ids of visitors who have none; without it nobody can be known again; 32 random bytes';

DO $$
BEGIN
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO footfall_collector', current_database());
END
$$;
GRANT USAGE ON SCHEMA public TO footfall_collector;
GRANT SELECT ON sites, site_keys TO footfall_collector;
GRANT SELECT, INSERT, DELETE ON visitor_salts TO footfall_collector;
GRANT SELECT (
  site, origins, timezone, goals, default_consent, denied_fields, requests_per_second, created_at
) ON sites TO footfall_reader;

-- migrate:down

DROP TABLE visitor_salts, site_keys, sites;
REVOKE USAGE ON SCHEMA public FROM footfall_collector;
DO $$
BEGIN
  EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM footfall_collector', current_database());
END
$$;
