-- midnight_of: when a day of a site's time zone begins
CREATE OR REPLACE FUNCTION midnight_of(site_name text, day date) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT day::timestamp AT TIME ZONE zone_of(site_name)
$$;
GRANT EXECUTE ON FUNCTION midnight_of TO footfall_reader;
