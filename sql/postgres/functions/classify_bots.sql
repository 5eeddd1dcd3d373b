-- classify_bots: classify the visits whose rows were written before their events, and now have all of them; returns
-- how many
CREATE OR REPLACE FUNCTION classify_bots() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  classified bigint;
BEGIN
  DELETE FROM bot_classification_queue WHERE queued_at < now() - INTERVAL '1 day';
  WITH complete AS (
    DELETE FROM bot_classification_queue AS u USING sessions AS s
    WHERE s.site = u.site AND s.session_start = u.session_start AND s.session_id = u.session_id
      AND s.event_count <= (
        SELECT count(*) FROM visit_events AS e
        WHERE e.site = s.site AND e.visitor_id = s.visitor_id AND e.event_time BETWEEN s.session_start AND s.session_end
      )
    RETURNING s.site, s.session_start, s.session_id
  )
  -- The trigger set_bot_reason classifies.
  UPDATE sessions AS s SET is_bot = s.is_bot FROM complete AS c
  WHERE s.site = c.site AND s.session_start = c.session_start AND s.session_id = c.session_id;
  GET DIAGNOSTICS classified = ROW_COUNT;
  RETURN classified;
END
$$;
COMMENT ON FUNCTION classify_bots IS
  'classify the visits whose rows were written before their events, and now have all of them; returns how many';
