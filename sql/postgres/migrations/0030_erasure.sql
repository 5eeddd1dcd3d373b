-- Whom `footfall person erase` has erased: a replay of the log must not bring their rows back. Ids are kept as hashes that
-- need a secret of this database. docs/decisions/0015-erasing-a-person.md says why.

-- migrate:up

CREATE TABLE erasure_key (
  key bytea NOT NULL CHECK (octet_length(key) = 32)
);
COMMENT ON TABLE erasure_key IS 'one row: the secret with which erased ids are hashed';
COMMENT ON COLUMN erasure_key.key IS '32 bytes; without them a hash can''t be tried out';
-- 488 bits of Postgres' strong randomness in four UUIDs.
INSERT INTO erasure_key
SELECT sha256(string_agg(uuid_send(gen_random_uuid()), ''::bytea)) FROM generate_series(1, 4);

CREATE TABLE erased_ids (
  site text NOT NULL,
  id_hash bytea NOT NULL CHECK (octet_length(id_hash) = 32),
  erased_until timestamptz NOT NULL,
  PRIMARY KEY (site, id_hash)
);
COMMENT ON TABLE erased_ids IS 'one row per id whose rows were erased and are not to be written again';
COMMENT ON COLUMN erased_ids.site IS 'site of the rows';
COMMENT ON COLUMN erased_ids.id_hash IS 'what erased_hash makes of the id';
COMMENT ON COLUMN erased_ids.erased_until IS 'rows of earlier times are refused; who comes back later is a new person';

-- HMAC's construction of two rounds, of SHA-256, with the kind of the id and its site.
CREATE FUNCTION erased_hash(kind text, site_name text, id text) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(key || sha256(
    key || sha256(convert_to(kind, 'UTF8')) || sha256(convert_to(site_name, 'UTF8')) || convert_to(id, 'UTF8')
  ))
  FROM erasure_key
$$;
COMMENT ON FUNCTION erased_hash IS 'the hash by which an id that was erased is known again: of a user, visitor, message or record';

CREATE FUNCTION is_erased(kind text, site_name text, id text, happened_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM erased_ids
    WHERE site = site_name AND id_hash = erased_hash(kind, site_name, id) AND erased_until > happened_at
  )
$$;
COMMENT ON FUNCTION is_erased IS 'whether a row of this id and time was erased';

-- Whose a row is, is told as ids_of_person tells it: by its user, and where it has none by its visitor.
-- As the owner: who writes rows may not read who was erased.
CREATE FUNCTION refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  refused boolean;
BEGIN
  IF NOT EXISTS (SELECT FROM erased_ids WHERE site = NEW.site) THEN
    RETURN NEW;
  END IF;
  -- Branches, and not functions for each table: a column is looked for only where it is used.
  CASE TG_ARGV[0]
    WHEN 'sessions' THEN
      refused := CASE
        WHEN NEW.user_id IS NULL THEN is_erased('visitor', NEW.site, NEW.visitor_id, NEW.session_start)
        ELSE is_erased('user', NEW.site, NEW.user_id, NEW.session_start)
      END;
    WHEN 'visit_events' THEN
      refused := CASE
        WHEN NEW.user_id IS NULL THEN is_erased('visitor', NEW.site, NEW.visitor_id, NEW.event_time)
        ELSE is_erased('user', NEW.site, NEW.user_id, NEW.event_time)
      END OR NEW.previous_id IS NOT NULL AND is_erased('user', NEW.site, NEW.previous_id, NEW.event_time);
    WHEN 'user_traits' THEN
      refused := CASE NEW.user_id
        WHEN '' THEN is_erased('visitor', NEW.site, NEW.visitor_id, NEW.event_time)
        ELSE is_erased('user', NEW.site, NEW.user_id, NEW.event_time)
      END;
    WHEN 'late_events' THEN
      refused := is_erased('visitor', NEW.site, NEW.visitor_id, NEW.event_time);
    WHEN 'web_vitals' THEN
      refused := is_erased('message', NEW.site, NEW.message_id, NEW.event_time);
    WHEN 'rejected_events' THEN
      refused := is_erased('record', NEW.site, NEW.kafka_partition || ':' || NEW.kafka_offset, NEW.received_at);
  END CASE;
  RETURN CASE WHEN refused THEN NULL ELSE NEW END;
END
$$;
CREATE TRIGGER refuse_erased BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION refuse_erased('sessions');
CREATE TRIGGER refuse_erased BEFORE INSERT ON visit_events FOR EACH ROW EXECUTE FUNCTION refuse_erased('visit_events');
CREATE TRIGGER refuse_erased BEFORE INSERT ON user_traits FOR EACH ROW EXECUTE FUNCTION refuse_erased('user_traits');
CREATE TRIGGER refuse_erased BEFORE INSERT ON late_events FOR EACH ROW EXECUTE FUNCTION refuse_erased('late_events');
CREATE TRIGGER refuse_erased BEFORE INSERT ON web_vitals FOR EACH ROW EXECUTE FUNCTION refuse_erased('web_vitals');
CREATE TRIGGER refuse_erased BEFORE INSERT ON rejected_events
FOR EACH ROW EXECUTE FUNCTION refuse_erased('rejected_events');

-- person_visits, told from the indexes of one site alone.
CREATE FUNCTION person_of(site_name text, given_user text, given_visitor text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH users AS (
    SELECT DISTINCT coalesce(a.user_id, s.user_id) AS user_id
    FROM (
      SELECT given_user AS user_id
      UNION
      SELECT user_id FROM visit_events WHERE site = site_name AND visitor_id = given_visitor AND user_id IS NOT NULL
      UNION
      SELECT user_id FROM visit_events
      WHERE site = site_name AND previous_id = given_visitor AND event_type = 'alias' AND user_id IS NOT NULL
    ) AS s
    LEFT JOIN user_aliases AS a ON a.site = site_name AND a.previous_id = s.user_id
    WHERE s.user_id IS NOT NULL
  )
  SELECT CASE (SELECT count(*) FROM users) WHEN 1 THEN (SELECT user_id FROM users) ELSE given_visitor END
$$;
COMMENT ON FUNCTION person_of IS
  'the person behind a user, or behind a visitor: the only user that this visitor ever was, else the visitor; give one of both';

CREATE FUNCTION ids_of_person(site_name text, person text)
RETURNS TABLE (kind text, id text)
LANGUAGE sql STABLE AS $$
  WITH users AS (
    SELECT person AS id
    UNION
    SELECT previous_id FROM user_aliases WHERE site = site_name AND user_id = person
  ),
  visitors AS (
    SELECT id FROM users
    UNION
    SELECT visitor_id FROM visit_events WHERE site = site_name AND user_id IN (SELECT id FROM users)
    UNION
    SELECT visitor_id FROM sessions WHERE site = site_name AND user_id IN (SELECT id FROM users)
    UNION
    SELECT visitor_id FROM user_traits WHERE site = site_name AND user_id IN (SELECT id FROM users)
    UNION
    SELECT previous_id FROM visit_events
    WHERE site = site_name AND user_id IN (SELECT id FROM users) AND event_type = 'alias' AND previous_id IS NOT NULL
  )
  SELECT 'user', id FROM users
  UNION ALL
  SELECT CASE person_of(site_name, NULL, id) WHEN person THEN 'visitor' ELSE 'shared visitor' END, id FROM visitors
$$;
COMMENT ON FUNCTION ids_of_person IS
  'the ids of one person: of the user with all aliases, of the visitors that are nobody else, and of those that others are too';

-- migrate:down

DROP FUNCTION ids_of_person, person_of;
DROP TRIGGER refuse_erased ON rejected_events;
DROP TRIGGER refuse_erased ON web_vitals;
DROP TRIGGER refuse_erased ON late_events;
DROP TRIGGER refuse_erased ON user_traits;
DROP TRIGGER refuse_erased ON visit_events;
DROP TRIGGER refuse_erased ON sessions;
DROP FUNCTION refuse_erased, is_erased, erased_hash;
DROP TABLE erased_ids, erasure_key;
