-- unique_visitors: distinct visitors of the visits that began on these days of the site's time zone: exact, and never
-- a sum of days
CREATE OR REPLACE FUNCTION unique_visitors(site_name text, first_day date, last_day date, with_bots boolean DEFAULT false)
RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT visitor_id) FROM sessions
  WHERE site = site_name
    AND session_start >= midnight_of(site_name, first_day) AND session_start < midnight_of(site_name, last_day + 1)
    AND (with_bots OR NOT is_bot)
$$;
COMMENT ON FUNCTION unique_visitors IS
  'distinct visitors of the visits that began on these days of the site''s time zone: exact, and never a sum of days';
GRANT EXECUTE ON FUNCTION unique_visitors TO footfall_reader;
