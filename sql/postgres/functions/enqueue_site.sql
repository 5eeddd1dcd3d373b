-- enqueue_site: recompute the roll-ups of a site that was added or removed, or whose goals or time zone changed
--
-- Roll-ups by hours and days are deleted at once: these begin at other times in another time zone. The audience and
-- funnel roll-ups stay until they are recomputed: visit_days and funnel_entries say what must be taken out of them. Other
-- goals change traffic and attribution alone.
CREATE OR REPLACE FUNCTION enqueue_site() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  changed CONSTANT text := CASE TG_OP WHEN 'DELETE' THEN OLD.site ELSE NEW.site END;
BEGIN
  DELETE FROM traffic WHERE site = changed;
  DELETE FROM visitors_per_day WHERE site = changed;
  DELETE FROM attribution WHERE site = changed;
  INSERT INTO traffic_refresh_queue (site, session_start)
  SELECT DISTINCT site, date_trunc('minute', session_start) FROM sessions WHERE site = changed;
  INSERT INTO traffic_refresh_queue (site, event_time)
  SELECT DISTINCT site, date_trunc('minute', event_time) FROM goal_events WHERE site = changed;
  IF TG_OP = 'UPDATE' AND OLD.timezone = NEW.timezone THEN
    RETURN NULL;
  END IF;

  DELETE FROM pages WHERE site = changed;
  INSERT INTO page_refresh_queue
  SELECT site, window_start FROM page_views_per_minute WHERE site = changed
  UNION
  SELECT site, window_start FROM engagement_per_minute WHERE site = changed;

  DELETE FROM elements WHERE site = changed;
  DELETE FROM arrivals WHERE site = changed;
  DELETE FROM custom_events WHERE site = changed;
  DELETE FROM actions WHERE site = changed;
  DELETE FROM links WHERE site = changed;
  INSERT INTO rollup_refresh_queue
  SELECT DISTINCT 'elements', site, window_start FROM elements_per_minute WHERE site = changed
  UNION ALL
  SELECT DISTINCT 'arrivals', site, window_start FROM arrivals_per_minute WHERE site = changed
  UNION ALL
  SELECT DISTINCT 'custom_events', site, window_start FROM custom_events_per_minute WHERE site = changed
  UNION ALL
  SELECT DISTINCT 'actions', site, date_trunc('minute', event_time) FROM action_events WHERE site = changed;

  DELETE FROM web_vital_counts WHERE site = changed;
  INSERT INTO web_vital_refresh_queue
  SELECT DISTINCT site, date_trunc('minute', event_time) FROM web_vitals WHERE site = changed;

  INSERT INTO people_refresh_queue SELECT DISTINCT site, visitor_id FROM sessions WHERE site = changed;
  INSERT INTO funnel_rebuild_queue SELECT site, funnel FROM funnels WHERE site = changed;
  RETURN NULL;
END
$$;
