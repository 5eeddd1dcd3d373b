-- enqueue_user: enqueue the visitors, users and aliases of the events that a statement wrote or removed: the audience
-- roll-ups of the people behind them are recomputed
CREATE OR REPLACE FUNCTION enqueue_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO people_refresh_queue
  SELECT site, visitor_id, CASE event_type WHEN 'alias' THEN user_id END FROM touched_rows WHERE user_id IS NOT NULL
  UNION
  SELECT site, previous_id, previous_id FROM touched_rows WHERE user_id IS NOT NULL AND event_type = 'alias';
  RETURN NULL;
END
$$;
