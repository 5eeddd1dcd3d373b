-- first_period_of: start of the first hour or day of roll-ups that these times touch
CREATE OR REPLACE FUNCTION first_period_of(site_name text, begins timestamptz, ends timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT date_trunc(grain_of(begins, ends), begins, zone_of(site_name))
$$;
GRANT EXECUTE ON FUNCTION first_period_of TO footfall_reader;
