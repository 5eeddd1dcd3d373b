-- enqueue_event_rollup: enqueue the minutes of the track events and revenue that a statement wrote or removed: actions
-- and links are recomputed
CREATE OR REPLACE FUNCTION enqueue_event_rollup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO rollup_refresh_queue SELECT DISTINCT 'actions', site, date_trunc('minute', event_time) FROM touched_rows
  WHERE event_type = 'track' OR revenue IS NOT NULL;
  RETURN NULL;
END
$$;
