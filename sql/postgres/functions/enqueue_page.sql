-- enqueue_page: enqueue the minutes of pages that a statement wrote or removed: pages is recomputed
CREATE OR REPLACE FUNCTION enqueue_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO page_refresh_queue SELECT DISTINCT site, window_start FROM touched_rows;
  RETURN NULL;
END
$$;
