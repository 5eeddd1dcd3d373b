-- By what a site wants its events and pages told apart. The collector and `footfall load` write it into each event, so that
-- a choice counts from then on and is in the log: docs/decisions/0014-told-apart.md.

-- migrate:up

ALTER TABLE sites
  ADD COLUMN event_properties jsonb NOT NULL DEFAULT '{}' CHECK (
    jsonb_typeof(event_properties) = 'object' AND NOT jsonb_path_exists(event_properties, 'strict $.* ? (@.type() <> "string")')
  ),
  ADD COLUMN page_parameters text[] NOT NULL DEFAULT '{}' CHECK (array_position(page_parameters, NULL) IS NULL),
  ADD COLUMN page_hosts boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sites.event_properties IS
  'name of an event → the property whose value is its label; of all others that is properties.label';
COMMENT ON COLUMN sites.page_parameters IS 'parameters of an address that are kept in page_path, because they say which page it is';
COMMENT ON COLUMN sites.page_hosts IS 'whether the host is kept in page_path, as a site of several hosts wants it';
GRANT SELECT (event_properties, page_parameters, page_hosts) ON sites TO footfall_reader;

-- migrate:down

ALTER TABLE sites DROP COLUMN event_properties, DROP COLUMN page_parameters, DROP COLUMN page_hosts;
