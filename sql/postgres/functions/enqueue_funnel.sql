-- enqueue_funnel: enqueue a funnel that was edited: all of it is recomputed
CREATE OR REPLACE FUNCTION enqueue_funnel() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO funnel_rebuild_queue VALUES (OLD.site, OLD.funnel);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO funnel_rebuild_queue VALUES (NEW.site, NEW.funnel);
  END IF;
  RETURN NULL;
END
$$;
