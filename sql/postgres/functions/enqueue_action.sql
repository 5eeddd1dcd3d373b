-- enqueue_action: enqueue the first action of each visitor that a statement wrote, changed or removed: their funnels
-- are recomputed from there
--
-- Every action, whether some funnel asks for it or not: to look that up takes longer, and a transaction that began
-- before a funnel was made or edited does not see it yet. A replay writes most rows as they were: these change
-- nothing.
CREATE OR REPLACE FUNCTION enqueue_action() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO funnel_refresh_queue
    SELECT site, visitor_id, min(event_time) FROM rows_now WHERE is_action GROUP BY 1, 2;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO funnel_refresh_queue
    SELECT site, visitor_id, min(event_time) FROM rows_before WHERE is_action GROUP BY 1, 2;
  ELSE
    INSERT INTO funnel_refresh_queue
    WITH actions_before AS (
      SELECT site, event_time, message_id, visitor_id, event_type, event_name, page_path, label
      FROM rows_before WHERE is_action
    ),
    actions_now AS (
      SELECT site, event_time, message_id, visitor_id, event_type, event_name, page_path, label
      FROM rows_now WHERE is_action
    )
    SELECT site, visitor_id, min(event_time) FROM (
      (TABLE actions_before EXCEPT TABLE actions_now) UNION ALL (TABLE actions_now EXCEPT TABLE actions_before)
    ) AS changed
    GROUP BY 1, 2;
  END IF;
  RETURN NULL;
END
$$;
