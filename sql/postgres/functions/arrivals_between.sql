-- arrivals_between: arrivals of these times: up to six hours by minute, up to eight days by the hours that they touch,
-- else by days
CREATE OR REPLACE FUNCTION arrivals_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF arrivals
LANGUAGE sql STABLE AS $$
  SELECT * FROM arrivals WHERE site = site_name AND grain = fine_grain_of(begins, ends)
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', window_start, library, outcome, event_count FROM arrivals_per_minute
  WHERE site = site_name AND window_start BETWEEN begins AND ends AND fine_grain_of(begins, ends) = 'minute'
$$;
COMMENT ON FUNCTION arrivals_between IS
  'arrivals of these times: up to six hours by minute, up to eight days by the hours that they touch, else by days';
GRANT EXECUTE ON FUNCTION arrivals_between TO footfall_reader;
