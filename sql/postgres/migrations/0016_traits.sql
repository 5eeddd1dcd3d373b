-- Demographics by traits that `identify` gave: kept only where the site lists them, read only as counts of a month that
-- is over, in groups of so many people. docs/privacy.md says what that protects and what not.

-- migrate:up

ALTER TABLE sites
  ADD COLUMN traits text[] NOT NULL DEFAULT '{}' CHECK (array_position(traits, NULL) IS NULL),
  ADD COLUMN trait_floor integer NOT NULL DEFAULT 10 CHECK (trait_floor >= 2);
COMMENT ON COLUMN sites.traits IS 'names of the traits by which people may be counted; all others are not kept in Postgres';
COMMENT ON COLUMN sites.trait_floor IS 'people that a group by a trait must have to be shown, at least 2';
GRANT SELECT (traits, trait_floor) ON sites TO footfall_reader;

CREATE TABLE user_traits (
  site text NOT NULL,
  visitor_id text NOT NULL,
  user_id text NOT NULL,
  trait text NOT NULL,
  trait_value text NOT NULL,
  event_time timestamptz NOT NULL,
  message_id text NOT NULL,
  PRIMARY KEY (site, visitor_id, user_id, trait)
);
COMMENT ON TABLE user_traits IS
  'one row per visitor, user and trait, with what the latest identify call said of it.';
COMMENT ON COLUMN user_traits.site IS 'site that the visitor was on';
COMMENT ON COLUMN user_traits.visitor_id IS 'anonymousId, else userId';
COMMENT ON COLUMN user_traits.user_id IS 'id of the signed-in user; empty where the call names none';
COMMENT ON COLUMN user_traits.trait IS 'name of the trait, as it is sent';
COMMENT ON COLUMN user_traits.trait_value IS
  'its value as text, cut to 100 characters; empty where it was taken back with null';
COMMENT ON COLUMN user_traits.event_time IS 'when it was said, UTC';
COMMENT ON COLUMN user_traits.message_id IS 'id of the event that said it';
INSERT INTO retention (table_name, keep) VALUES ('user_traits', NULL);

-- As the owner: who writes traits may not read what sites are like.
CREATE FUNCTION keep_listed_trait() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM sites WHERE site = NEW.site AND NEW.trait = ANY (traits)) THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER keep_listed_trait BEFORE INSERT ON user_traits FOR EACH ROW EXECUTE FUNCTION keep_listed_trait();

CREATE FUNCTION forget_traits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM user_traits
  WHERE site = OLD.site AND (TG_OP = 'DELETE' OR NEW.site <> OLD.site OR trait <> ALL (NEW.traits));
  RETURN NULL;
END
$$;
CREATE TRIGGER forget_traits AFTER DELETE ON sites FOR EACH ROW EXECUTE FUNCTION forget_traits();
CREATE TRIGGER forget_unlisted_traits AFTER UPDATE ON sites FOR EACH ROW
WHEN ((OLD.site, OLD.traits) IS DISTINCT FROM (NEW.site, NEW.traits)) EXECUTE FUNCTION forget_traits();

-- Whole months that are over, and no other choice: of two stretches of days that differ by one, or of a month that goes
-- on, the difference is what one person said.
CREATE FUNCTION trait_demographics(site_name text, month date)
RETURNS TABLE (trait text, trait_value text, person_count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  first_day CONSTANT date := date_trunc('month', month::timestamp)::date;
  next_month CONSTANT date := first_day + INTERVAL '1 month';
  allowed text[];
  floor_of_site bigint;
BEGIN
  IF now() < midnight_of(site_name, next_month + 1) THEN
    RAISE EXCEPTION 'traits are counted a day after a month is over: of % from % on', to_char(first_day, 'YYYY-MM'),
      next_month + 1;
  END IF;
  SELECT s.traits, s.trait_floor INTO allowed, floor_of_site FROM sites AS s WHERE s.site = site_name;
  RETURN QUERY
    WITH came AS (
      SELECT DISTINCT v.person_id FROM person_visits AS v
      WHERE v.site = site_name AND NOT v.is_bot
        AND v.session_start >= midnight_of(site_name, first_day) AND v.session_start < midnight_of(site_name, next_month)
    ),
    only_users AS (
      SELECT u.visitor_id, min(u.user_id) AS user_id FROM visitor_users AS u
      WHERE u.site = site_name GROUP BY u.visitor_id HAVING count(*) = 1
    ),
    -- Whose a trait is, as person_visits says it of a visit; of several that a person has, the latest.
    said AS (
      SELECT DISTINCT ON (p.person_id, p.trait) p.person_id, p.trait, p.trait_value
      FROM (
        SELECT t.*, coalesce(a.user_id, nullif(t.user_id, ''), u.user_id, t.visitor_id) AS person_id
        FROM user_traits AS t
        LEFT JOIN user_aliases AS a ON a.site = t.site AND a.previous_id = nullif(t.user_id, '')
        LEFT JOIN only_users AS u ON u.visitor_id = t.visitor_id
        WHERE t.site = site_name AND t.trait = ANY (allowed)
      ) AS p
      ORDER BY p.person_id, p.trait, p.event_time DESC, p.message_id COLLATE "C" DESC
    ),
    groups AS (
      SELECT s.trait, s.trait_value, count(*) AS n FROM said AS s JOIN came USING (person_id)
      WHERE s.trait_value <> '' GROUP BY s.trait, s.trait_value
    )
    SELECT g.trait, CASE WHEN g.n >= floor_of_site THEN g.trait_value END, sum(g.n)::bigint
    FROM groups AS g
    GROUP BY 1, 2
    HAVING sum(g.n) >= floor_of_site
    ORDER BY 1, 2 NULLS LAST;
END
$$;
COMMENT ON FUNCTION trait_demographics IS
  'people of a month that is over by the traits that their site lists; groups under its floor are one, the value NULL, or not shown';

GRANT SELECT, INSERT, UPDATE ON user_traits TO footfall_writer;
GRANT EXECUTE ON FUNCTION trait_demographics TO footfall_reader;

-- migrate:down

DROP FUNCTION trait_demographics;
DROP TRIGGER forget_unlisted_traits ON sites;
DROP TRIGGER forget_traits ON sites;
DELETE FROM retention WHERE table_name = 'user_traits';
DROP TABLE user_traits;
DROP FUNCTION forget_traits, keep_listed_trait;
ALTER TABLE sites DROP COLUMN trait_floor, DROP COLUMN traits;
