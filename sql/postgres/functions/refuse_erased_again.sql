-- refuse_erased_again: refuse a refused row of somebody who was erased
--
-- As refuse_erased, of a row of any table: by its user, where it has none by its visitor, and by itself.
CREATE OR REPLACE FUNCTION refuse_erased_again() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  user_name CONSTANT text := nullif(NEW.original ->> 'user_id', '');
  happened_at timestamptz;
BEGIN
  BEGIN
    happened_at := coalesce(
      NEW.original ->> 'session_start', NEW.original ->> 'event_time', NEW.original ->> 'received_at'
    );
  EXCEPTION WHEN data_exception THEN
    happened_at := NULL;  -- what cannot be read was refused for it
  END;
  IF EXISTS (
    SELECT FROM erasure_key AS k
    JOIN erasure_suppressions AS e ON e.id_hash IN (
      erased_hash(k.key, 'refused row', NEW.site, encode(NEW.key_hash, 'hex')),
      erased_hash(k.key, 'user', NEW.site, user_name),
      erased_hash(k.key, 'user', NEW.site, NEW.original ->> 'previous_id'),
      CASE WHEN user_name IS NULL THEN erased_hash(k.key, 'visitor', NEW.site, NEW.original ->> 'visitor_id') END
    )
    WHERE e.site = NEW.site AND e.erased_until > coalesce(happened_at, '-infinity')
  ) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
