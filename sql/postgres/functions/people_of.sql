-- people_of: people of any days of the site's time zone, programs left out, from the audience roll-ups
CREATE OR REPLACE FUNCTION people_of(site_name text, first_day date, last_day date) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(person_count), 0)::bigint FROM active_people
  WHERE site = site_name AND day BETWEEN first_day AND last_day AND previous_day < first_day
$$;
COMMENT ON FUNCTION people_of IS
  'people of any days of the site''s time zone, programs left out, from the audience roll-ups';
GRANT EXECUTE ON FUNCTION people_of TO footfall_reader;
