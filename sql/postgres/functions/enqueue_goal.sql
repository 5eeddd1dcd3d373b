-- enqueue_goal: enqueue the goals that a statement wrote or removed: traffic is recomputed for the visits that they
-- belong to
CREATE OR REPLACE FUNCTION enqueue_goal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO traffic_refresh_queue (site, visitor_id, event_time)
  SELECT DISTINCT r.site, r.visitor_id, r.event_time
  FROM touched_rows AS r JOIN sites AS s ON s.site = r.site AND r.event_name = ANY (s.goals)
  WHERE r.event_type = 'track' AND r.is_action;
  RETURN NULL;
END
$$;
