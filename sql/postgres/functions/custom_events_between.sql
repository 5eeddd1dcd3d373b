-- custom_events_between: custom events of these times: up to six hours by minute, up to eight days by the hours that
-- they touch, else by days
CREATE OR REPLACE FUNCTION custom_events_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF custom_events
LANGUAGE sql STABLE AS $$
  SELECT * FROM custom_events WHERE site = site_name AND grain = fine_grain_of(begins, ends)
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', window_start, event_name, label, event_count FROM custom_events_per_minute
  WHERE site = site_name AND window_start BETWEEN begins AND ends AND fine_grain_of(begins, ends) = 'minute'
$$;
COMMENT ON FUNCTION custom_events_between IS
  'custom events of these times: up to six hours by minute, up to eight days by the hours that they touch, else by days';
GRANT EXECUTE ON FUNCTION custom_events_between TO footfall_reader;
