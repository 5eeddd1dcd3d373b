-- enqueue_minute: enqueue the minutes whose page views a statement changed: they are searched for anomalies again
--
-- Often the same row is written again, such as after a restart: it changes nothing.
CREATE OR REPLACE FUNCTION enqueue_minute() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO anomaly_refresh_queue SELECT DISTINCT site, window_start FROM rows_now;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO anomaly_refresh_queue SELECT DISTINCT site, window_start FROM rows_before;
  ELSE  -- often the same row again, such as after a restart
    INSERT INTO anomaly_refresh_queue
    WITH views_before AS (SELECT site, window_start, page_path, page_view_count FROM rows_before),
    views_now AS (SELECT site, window_start, page_path, page_view_count FROM rows_now)
    SELECT DISTINCT site, window_start FROM (
      (TABLE views_before EXCEPT TABLE views_now) UNION ALL (TABLE views_now EXCEPT TABLE views_before)
    ) AS changed;
  END IF;
  RETURN NULL;
END
$$;
