-- active_now: distinct visitors of the last minutes
CREATE OR REPLACE FUNCTION active_now(site_name text, minutes integer DEFAULT 5) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT visitor_id) FROM visit_events
  WHERE site = site_name AND event_time > now() - make_interval(mins => minutes) AND event_time <= now()
$$;
COMMENT ON FUNCTION active_now IS 'distinct visitors of the last minutes';
GRANT EXECUTE ON FUNCTION active_now TO footfall_reader;
