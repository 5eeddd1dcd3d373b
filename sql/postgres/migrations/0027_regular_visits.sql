-- Bots by regularity: a visit whose page views come like clockwork. Told here from visit_events, which are in their order,
-- as the row of the visit is written; in Flink the events of an open visit would have to be kept and sorted for it.

-- migrate:up

CREATE TABLE unjudged_visits (
  site text NOT NULL,
  session_start timestamptz NOT NULL,
  session_id text NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (site, session_start, session_id)
);
COMMENT ON TABLE unjudged_visits IS
  'one row per visit of 20 page views and more that was there before all of its events were';
COMMENT ON COLUMN unjudged_visits.site IS 'site of the visit';
COMMENT ON COLUMN unjudged_visits.session_start IS 'start of the visit';
COMMENT ON COLUMN unjudged_visits.session_id IS 'id of the visit';
COMMENT ON COLUMN unjudged_visits.noted_at IS 'when its row was written first; for a day its events are waited for';

-- Of 19 gaps and more the coefficient of variation, deviation by mean, is under 0.2: of k gaps g with the sum S,
-- k·Σg² / S² - 1 < 0.04, in whole numbers. As the owner: who writes visits may not read what sites are like.
CREATE FUNCTION judge_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  found_events bigint;
  gaps numeric;
  sum_ms numeric;
  squares_ms numeric;
BEGIN
  WITH events AS (
    SELECT
      event_type IN ('page', 'screen') AS is_view,
      (extract(epoch FROM event_time - lag(event_time) OVER (PARTITION BY event_type IN ('page', 'screen') ORDER BY event_time))
        * 1000)::bigint AS gap_ms
    FROM visit_events
    WHERE site = NEW.site AND visitor_id = NEW.visitor_id AND event_time BETWEEN NEW.session_start AND NEW.session_end
  )
  SELECT
    count(*),
    count(gap_ms) FILTER (WHERE is_view),
    sum(gap_ms) FILTER (WHERE is_view),
    sum(gap_ms::numeric * gap_ms) FILTER (WHERE is_view)
  INTO found_events, gaps, sum_ms, squares_ms
  FROM events;

  IF found_events < NEW.event_count THEN
    INSERT INTO unjudged_visits VALUES (NEW.site, NEW.session_start, NEW.session_id)
    ON CONFLICT DO NOTHING;
  ELSIF 25 * gaps * squares_ms < 26 * sum_ms * sum_ms THEN
    NEW.bot_reason := 'too regular for a person';
    NEW.is_bot := true;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER judge_visit BEFORE INSERT OR UPDATE ON sessions FOR EACH ROW
WHEN (NEW.page_view_count >= 20 AND NEW.bot_reason IS NULL) EXECUTE FUNCTION judge_visit();

CREATE FUNCTION judge_visits() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  judged bigint;
BEGIN
  DELETE FROM unjudged_visits WHERE noted_at < now() - INTERVAL '1 day';
  WITH complete AS (
    DELETE FROM unjudged_visits AS u USING sessions AS s
    WHERE s.site = u.site AND s.session_start = u.session_start AND s.session_id = u.session_id
      AND s.event_count <= (
        SELECT count(*) FROM visit_events AS e
        WHERE e.site = s.site AND e.visitor_id = s.visitor_id AND e.event_time BETWEEN s.session_start AND s.session_end
      )
    RETURNING s.site, s.session_start, s.session_id
  )
  -- The trigger judges.
  UPDATE sessions AS s SET is_bot = s.is_bot FROM complete AS c
  WHERE s.site = c.site AND s.session_start = c.session_start AND s.session_id = c.session_id;
  GET DIAGNOSTICS judged = ROW_COUNT;
  RETURN judged;
END
$$;
COMMENT ON FUNCTION judge_visits IS
  'judge the visits whose rows were there before their events, and now have all of them; returns how many';

-- Visits that are there already.
UPDATE sessions SET is_bot = is_bot WHERE page_view_count >= 20 AND bot_reason IS NULL;

-- migrate:down

DROP TRIGGER judge_visit ON sessions;
DROP FUNCTION judge_visits, judge_visit;
DROP TABLE unjudged_visits;
