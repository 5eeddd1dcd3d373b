-- refuse_erased: refuse a row of somebody who was erased: a replay of the log must not bring it back
--
-- A row belongs to somebody as ids_of_person says: by its user, and where it has none by its visitor. Its argument is
-- the table. As the owner: the role that writes rows may not read who was erased.
CREATE OR REPLACE FUNCTION refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  happened_at timestamptz;
  kind text := 'user';
  id text;
  replaced_id text;
BEGIN
  -- Branches, and not a function for each table: a column is looked for only where it is used.
  CASE TG_ARGV[0]
    WHEN 'sessions' THEN happened_at := NEW.session_start; id := NEW.user_id;
    WHEN 'visit_events' THEN happened_at := NEW.event_time; id := NEW.user_id; replaced_id := NEW.previous_id;
    WHEN 'user_traits' THEN happened_at := NEW.event_time; id := nullif(NEW.user_id, '');
    WHEN 'late_events' THEN happened_at := NEW.event_time;
    WHEN 'web_vitals' THEN happened_at := NEW.event_time; kind := 'message'; id := NEW.message_id;
    WHEN 'rejected_events' THEN
      happened_at := NEW.received_at; kind := 'record'; id := NEW.kafka_partition || ':' || NEW.kafka_offset;
  END CASE;
  -- What happens now is later than every erasure, and needs no hash.
  IF NOT EXISTS (SELECT FROM erasure_suppressions WHERE site = NEW.site AND erased_until > happened_at) THEN
    RETURN NEW;
  END IF;
  IF id IS NULL THEN
    kind := 'visitor';
    id := NEW.visitor_id;
  END IF;
  IF EXISTS (
    SELECT FROM erasure_key AS k JOIN erasure_suppressions AS e ON e.id_hash = erased_hash(k.key, kind, NEW.site, id)
    WHERE e.site = NEW.site AND e.erased_until > happened_at
  ) OR replaced_id IS NOT NULL AND EXISTS (
    SELECT FROM erasure_key AS k JOIN erasure_suppressions AS e ON e.id_hash = erased_hash(k.key, 'user', NEW.site, replaced_id)
    WHERE e.site = NEW.site AND e.erased_until > happened_at
  ) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
