-- enqueue_visit: enqueue the visits that a statement wrote or removed: traffic is recomputed
--
-- As the owner: the role that writes visits has no rights on the change queues.
CREATE OR REPLACE FUNCTION enqueue_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO traffic_refresh_queue SELECT DISTINCT site, session_start, visitor_id FROM touched_rows;
  RETURN NULL;
END
$$;
