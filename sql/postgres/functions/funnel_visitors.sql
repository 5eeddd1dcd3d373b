-- funnel_visitors: how far each visitor came who did the first step on these days of the site's time zone, and when:
-- the first path that led so far
CREATE OR REPLACE FUNCTION funnel_visitors(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (visitor_id text, depth integer, step_times timestamptz[])
LANGUAGE sql STABLE AS $$
  SELECT w.visitor_id, w.depth, w.step_times
  FROM funnel_paths(
    funnel_named(site_name, funnel_name), midnight_of(site_name, first_day), midnight_of(site_name, last_day + 1), false
  ) AS w
$$;
COMMENT ON FUNCTION funnel_visitors IS
  'how far each visitor came who did the first step on these days of the site''s time zone, and when: the first path that led so far';
GRANT EXECUTE ON FUNCTION funnel_visitors TO footfall_reader;
