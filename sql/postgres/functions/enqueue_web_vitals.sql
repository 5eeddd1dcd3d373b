-- enqueue_web_vitals: enqueue the minutes of the measured page views that a statement wrote or removed:
-- web_vital_counts is recomputed
CREATE OR REPLACE FUNCTION enqueue_web_vitals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO web_vital_refresh_queue SELECT DISTINCT site, date_trunc('minute', event_time) FROM touched_rows;
  RETURN NULL;
END
$$;
