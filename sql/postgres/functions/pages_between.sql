-- pages_between: the hours of pages that these times touch; over eight days, the days
CREATE OR REPLACE FUNCTION pages_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF pages
LANGUAGE sql STABLE AS $$
  SELECT * FROM pages
  WHERE site = site_name AND grain = grain_of(begins, ends)
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
$$;
COMMENT ON FUNCTION pages_between IS 'the hours of pages that these times touch; over eight days, the days';
GRANT EXECUTE ON FUNCTION pages_between TO footfall_reader;
