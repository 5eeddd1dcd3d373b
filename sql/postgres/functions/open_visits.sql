-- open_visits: visits that have not ended, those with the newest events first: rows of live_sessions
--
-- live_sessions looks through the visits of a day; of a few visitors, this reads theirs alone.
CREATE OR REPLACE FUNCTION open_visits(site_name text, most integer DEFAULT 20) RETURNS SETOF live_sessions
LANGUAGE sql STABLE AS $$
  SELECT * FROM live_sessions
  WHERE site = site_name AND session_end >= now() - INTERVAL '30 minutes'
    AND visitor_id = ANY (ARRAY(
      SELECT visitor_id FROM visit_events
      WHERE site = site_name AND event_time >= now() - INTERVAL '30 minutes' AND event_time <= now()
      GROUP BY visitor_id ORDER BY max(event_time) DESC, visitor_id LIMIT most
    ))
  ORDER BY session_end DESC, visitor_id
$$;
COMMENT ON FUNCTION open_visits IS
  'visits that have not ended, those with the newest events first: rows of live_sessions';
GRANT EXECUTE ON FUNCTION open_visits TO footfall_reader;
