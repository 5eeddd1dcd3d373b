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
CREATE INDEX ON erased_ids (site, erased_until);
COMMENT ON TABLE erased_ids IS 'one row per id whose rows were erased and are not to be written again';
COMMENT ON COLUMN erased_ids.site IS 'site of the rows';
COMMENT ON COLUMN erased_ids.id_hash IS 'what erased_hash makes of the id';
COMMENT ON COLUMN erased_ids.erased_until IS 'rows of earlier times are refused; who comes back later is a new person';

-- HMAC's construction of two rounds. Neither kind nor site can hold the character that ends them. Without FROM and STRICT
-- Postgres writes it into the query that calls it, which takes a fifth of the time of a call.
CREATE FUNCTION erased_hash(key bytea, kind text, site_name text, id text) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(key || sha256(key || convert_to(kind || chr(31) || site_name || chr(31) || id, 'UTF8')))
$$;
COMMENT ON FUNCTION erased_hash IS 'the hash by which an id that was erased is known again: of a user, visitor, message or record';

-- Whose a row is, is told as ids_of_person tells it: by its user, and where it has none by its visitor.
-- As the owner: who writes rows may not read who was erased.
CREATE FUNCTION refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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
  IF NOT EXISTS (SELECT FROM erased_ids WHERE site = NEW.site AND erased_until > happened_at) THEN
    RETURN NEW;
  END IF;
  IF id IS NULL THEN
    kind := 'visitor';
    id := NEW.visitor_id;
  END IF;
  IF EXISTS (
    SELECT FROM erasure_key AS k JOIN erased_ids AS e ON e.id_hash = erased_hash(k.key, kind, NEW.site, id)
    WHERE e.site = NEW.site AND e.erased_until > happened_at
  ) OR replaced_id IS NOT NULL AND EXISTS (
    SELECT FROM erasure_key AS k JOIN erased_ids AS e ON e.id_hash = erased_hash(k.key, 'user', NEW.site, replaced_id)
    WHERE e.site = NEW.site AND e.erased_until > happened_at
  ) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;

-- Off until somebody is erased: writers pay for it only then. `footfall person erase` turns it on.
-- By its name it comes before judge_visit, which leaves a note of the visit.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sessions', 'visit_events', 'user_traits', 'late_events', 'web_vitals', 'rejected_events']
  LOOP
    EXECUTE format(
      'CREATE TRIGGER erased_are_refused BEFORE INSERT ON %1$I FOR EACH ROW EXECUTE FUNCTION refuse_erased(%1$L)', name
    );
    EXECUTE format('ALTER TABLE %I DISABLE TRIGGER erased_are_refused', name);
  END LOOP;
END
$$;

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
DROP TRIGGER erased_are_refused ON rejected_events;
DROP TRIGGER erased_are_refused ON web_vitals;
DROP TRIGGER erased_are_refused ON late_events;
DROP TRIGGER erased_are_refused ON user_traits;
DROP TRIGGER erased_are_refused ON visit_events;
DROP TRIGGER erased_are_refused ON sessions;
DROP FUNCTION refuse_erased, erased_hash;
DROP TABLE erased_ids, erasure_key;
