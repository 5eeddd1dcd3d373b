-- traffic_between: the hours of traffic that these times touch, in one breakdown; over eight days, the days
CREATE OR REPLACE FUNCTION traffic_between(site_name text, begins timestamptz, ends timestamptz, breakdown_name text)
RETURNS SETOF traffic
LANGUAGE sql STABLE AS $$
  SELECT * FROM traffic
  WHERE site = site_name AND grain = grain_of(begins, ends) AND breakdown = breakdown_name
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
$$;
COMMENT ON FUNCTION traffic_between IS
  'the hours of traffic that these times touch, in one breakdown; over eight days, the days';
GRANT EXECUTE ON FUNCTION traffic_between TO footfall_reader;
