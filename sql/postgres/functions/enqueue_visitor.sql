-- enqueue_visitor: enqueue the visitors whose visits a statement wrote or removed: the audience roll-ups of the people
-- behind them are recomputed
CREATE OR REPLACE FUNCTION enqueue_visitor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO people_refresh_queue SELECT DISTINCT site, visitor_id FROM touched_rows;
  RETURN NULL;
END
$$;
