-- classify_bot: classify a visit of 20 page views and more as a bot's where they come like clockwork
--
-- Of 19 gaps and more the coefficient of variation, deviation by mean, is under 0.2: of k gaps g with the sum S, k·Σg²
-- / S² - 1 < 0.04, in whole numbers. Decided here, from visit_events in their order, when the row of the visit is
-- written; in Flink the page views of an open visit would have to be kept and sorted for it. As the owner: the role
-- that writes visits has no rights on bot_classification_queue.
CREATE OR REPLACE FUNCTION classify_bot() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
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
    INSERT INTO bot_classification_queue VALUES (NEW.site, NEW.session_start, NEW.session_id)
    ON CONFLICT DO NOTHING;
  ELSIF 25 * gaps * squares_ms < 26 * sum_ms * sum_ms THEN
    NEW.bot_reason := 'too regular for a person';
    NEW.is_bot := true;
  END IF;
  RETURN NEW;
END
$$;
