-- zone_of: time zone of the days of a site; UTC for a site that nobody added
CREATE OR REPLACE FUNCTION zone_of(site_name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT timezone FROM sites WHERE site = site_name), 'UTC')
$$;
GRANT EXECUTE ON FUNCTION zone_of TO footfall_reader;
