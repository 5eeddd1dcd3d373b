-- People, visitors and cohorts counted ahead: what 0009_people.sql says of them, told from few rows.
--
-- People of several days can't be added up from days. But of each day on which somebody came, let the day before that on
-- which they came be known: then those of any stretch of days are those whose day before lies outside of it, each counted
-- on their first day within. So sums of "so many came on this day, and last on that one" are exact for any days.
--
-- `visit_days` holds what has been counted of each visitor. `refresh_people` takes what the people behind changed visitors
-- had contributed out of the sums, and adds what they contribute now.

-- migrate:up

CREATE TABLE changed_visitors (
  site text NOT NULL,
  visitor_id text,
  user_id text
);
COMMENT ON TABLE changed_visitors IS
  'one row per visit, event of a user or alias that was written since people were last counted';
COMMENT ON COLUMN changed_visitors.site IS 'site of it';
COMMENT ON COLUMN changed_visitors.visitor_id IS 'visitor whose visits are to be counted anew';
COMMENT ON COLUMN changed_visitors.user_id IS 'user whose visitors, and those of all aliases, are to be counted anew';

CREATE FUNCTION note_visitor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visitors VALUES (OLD.site, OLD.visitor_id);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.visitor_id) <> (OLD.site, OLD.visitor_id) THEN
    INSERT INTO changed_visitors VALUES (NEW.site, NEW.visitor_id);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_visitor AFTER INSERT OR UPDATE OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note_visitor();

CREATE FUNCTION note_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visitors SELECT OLD.site, OLD.visitor_id, CASE OLD.event_type WHEN 'alias' THEN OLD.user_id END;
    INSERT INTO changed_visitors SELECT OLD.site, OLD.previous_id, OLD.previous_id WHERE OLD.event_type = 'alias';
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_visitors SELECT NEW.site, NEW.visitor_id, CASE NEW.event_type WHEN 'alias' THEN NEW.user_id END;
    INSERT INTO changed_visitors SELECT NEW.site, NEW.previous_id, NEW.previous_id WHERE NEW.event_type = 'alias';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_user AFTER INSERT ON visit_events FOR EACH ROW
WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION note_user();
CREATE TRIGGER note_changed_user AFTER UPDATE ON visit_events FOR EACH ROW
WHEN (coalesce(OLD.user_id, NEW.user_id) IS NOT NULL) EXECUTE FUNCTION note_user();
CREATE TRIGGER note_lost_user AFTER DELETE ON visit_events FOR EACH ROW
WHEN (OLD.user_id IS NOT NULL) EXECUTE FUNCTION note_user();

CREATE INDEX visit_events_users ON visit_events (site, user_id, visitor_id) WHERE user_id IS NOT NULL;
CREATE INDEX visit_events_visitor_users ON visit_events (site, visitor_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX visit_events_aliases ON visit_events (site, previous_id, event_time) INCLUDE (user_id, message_id)
WHERE event_type = 'alias';
CREATE INDEX sessions_users ON sessions (site, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE visit_days (
  site text NOT NULL,
  visitor_id text NOT NULL,
  person_id text NOT NULL,
  day date NOT NULL,
  country text,
  language_code text,
  device_type text,
  visit_count bigint NOT NULL,
  first_start timestamptz NOT NULL,
  first_hour timestamptz NOT NULL,
  is_first_bot boolean NOT NULL
);
CREATE INDEX ON visit_days (site, visitor_id);
CREATE INDEX ON visit_days (site, person_id);
COMMENT ON TABLE visit_days IS
  'one row per visitor, person and day of the site''s time zone, and per country, language and device: what has been counted';
COMMENT ON COLUMN visit_days.site IS 'site that was visited';
COMMENT ON COLUMN visit_days.visitor_id IS 'visitor of the visits';
COMMENT ON COLUMN visit_days.person_id IS 'person behind them, as in person_visits';
COMMENT ON COLUMN visit_days.day IS 'day on which they began';
COMMENT ON COLUMN visit_days.country IS 'ISO 3166-1 code of the country';
COMMENT ON COLUMN visit_days.language_code IS 'language of the browser';
COMMENT ON COLUMN visit_days.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN visit_days.visit_count IS 'visits, programs'' left out';
COMMENT ON COLUMN visit_days.first_start IS 'start of the first of all of them, programs'' too';
COMMENT ON COLUMN visit_days.first_hour IS 'hour of the site''s time zone in which that was';
COMMENT ON COLUMN visit_days.is_first_bot IS 'whether that is taken for a program''s';

CREATE TABLE first_visits (
  site text NOT NULL,
  hour timestamptz NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, hour)
);
COMMENT ON TABLE first_visits IS 'one row per hour of the site''s time zone in which somebody came for the first time';
COMMENT ON COLUMN first_visits.site IS 'site that was visited';
COMMENT ON COLUMN first_visits.hour IS 'start of the hour';
COMMENT ON COLUMN first_visits.person_count IS 'people whose first visit began in it';

CREATE TABLE active_people (
  site text NOT NULL,
  day date NOT NULL,
  previous_day date NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, day, previous_day)
);
COMMENT ON TABLE active_people IS
  'people of each day by the day on which they came last before: those of some days are the sum where previous_day is earlier than all of these';
COMMENT ON COLUMN active_people.site IS 'site that was visited';
COMMENT ON COLUMN active_people.day IS 'day on which they came';
COMMENT ON COLUMN active_people.previous_day IS 'day on which they came last before; -infinity for those who never had';
COMMENT ON COLUMN active_people.person_count IS 'people';

CREATE TABLE active_visitors (
  site text NOT NULL,
  dimension text NOT NULL,
  value text,
  day date NOT NULL,
  previous_day date NOT NULL,
  visitor_count bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (site, dimension, day, value, previous_day)
);
COMMENT ON TABLE active_visitors IS 'visitors of each day by country, language and device, likewise';
COMMENT ON COLUMN active_visitors.site IS 'site that was visited';
COMMENT ON COLUMN active_visitors.dimension IS 'country, language or device';
COMMENT ON COLUMN active_visitors.value IS 'which of them; NULL where it is not known';
COMMENT ON COLUMN active_visitors.day IS 'day on which they came';
COMMENT ON COLUMN active_visitors.previous_day IS
  'day on which they came last before with the same value; -infinity for those who never had';
COMMENT ON COLUMN active_visitors.visitor_count IS 'visitors';

CREATE TABLE cohorts (
  site text NOT NULL,
  unit text NOT NULL,
  cohort date NOT NULL,
  period integer NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, unit, cohort, period)
);
COMMENT ON TABLE cohorts IS 'people by the day, week or month in which they were first seen, and how many came so many later';
COMMENT ON COLUMN cohorts.site IS 'site that was visited';
COMMENT ON COLUMN cohorts.unit IS 'day, week or month, each of the site''s time zone';
COMMENT ON COLUMN cohorts.cohort IS 'first day of the one in which they were first seen';
COMMENT ON COLUMN cohorts.period IS 'how many units later they came; 0 is the first';
COMMENT ON COLUMN cohorts.person_count IS 'people';

CREATE TABLE visits_a_person (
  site text NOT NULL,
  visit_count integer NOT NULL,
  person_count bigint NOT NULL,
  PRIMARY KEY (site, visit_count)
);
COMMENT ON TABLE visits_a_person IS 'how many people came how often';
COMMENT ON COLUMN visits_a_person.site IS 'site that was visited';
COMMENT ON COLUMN visits_a_person.visit_count IS 'visits, 10 standing for all numbers from there on';
COMMENT ON COLUMN visits_a_person.person_count IS 'people';

CREATE TABLE shared_visitors (
  site text NOT NULL,
  visitor_id text NOT NULL,
  PRIMARY KEY (site, visitor_id)
);
COMMENT ON TABLE shared_visitors IS 'one row per visitor in identity_conflicts';
COMMENT ON COLUMN shared_visitors.site IS 'site that was visited';
COMMENT ON COLUMN shared_visitors.visitor_id IS 'visitor with several users';

-- What has become nothing is looked for after each refresh, and not in all rows.
CREATE INDEX ON first_visits (site) WHERE person_count = 0;
CREATE INDEX ON active_people (site) WHERE person_count = 0;
CREATE INDEX ON active_visitors (site) WHERE visitor_count = 0;
CREATE INDEX ON cohorts (site) WHERE person_count = 0;

-- What the people and visitors of the temporary tables touched_people and touched_visitors contribute to each sum.
CREATE FUNCTION people_facts(sign integer)
RETURNS TABLE (fact text, site text, name text, value text, hour timestamptz, day date, since date, number integer, n integer)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    WITH rows AS MATERIALIZED (
      SELECT d.* FROM touched_people AS t CROSS JOIN LATERAL (
        SELECT * FROM visit_days AS v WHERE v.site = t.site AND v.person_id = t.person_id OFFSET 0
      ) AS d
    ),
    days AS MATERIALIZED (
      SELECT
        r.site, r.person_id, r.day, coalesce(lag(r.day) OVER person, '-infinity') AS previous,
        min(r.day) OVER (PARTITION BY r.site, r.person_id) AS first_day
      FROM (SELECT DISTINCT d.site, d.person_id, d.day FROM rows AS d WHERE d.visit_count > 0) AS r
      WINDOW person AS (PARTITION BY r.site, r.person_id ORDER BY r.day)
    )
    SELECT 'first visit', f.site, NULL, NULL, f.first_hour, NULL::date, NULL::date, NULL::integer, sign
    FROM (
      SELECT DISTINCT ON (r.site, r.person_id) r.site, r.first_hour, r.is_first_bot
      FROM rows AS r ORDER BY r.site, r.person_id, r.first_start, r.is_first_bot
    ) AS f WHERE NOT f.is_first_bot
    UNION ALL
    SELECT 'active', d.site, NULL, NULL, NULL, d.day, d.previous, NULL, sign FROM days AS d
    UNION ALL
    SELECT 'cohort', c.site, c.unit, NULL, NULL, c.cohort, NULL, c.period, sign
    FROM (
      SELECT DISTINCT
        d.site, d.person_id, u.unit, date_trunc(u.unit, d.first_day::timestamp)::date AS cohort,
        CASE u.unit
          WHEN 'day' THEN d.day - d.first_day
          WHEN 'week' THEN
            (date_trunc('week', d.day::timestamp)::date - date_trunc('week', d.first_day::timestamp)::date) / 7
          ELSE ((extract(year FROM d.day) - extract(year FROM d.first_day)) * 12
            + extract(month FROM d.day) - extract(month FROM d.first_day))::integer
        END AS period
      FROM days AS d CROSS JOIN (VALUES ('day'), ('week'), ('month')) AS u (unit)
    ) AS c
    UNION ALL
    SELECT 'visits', v.site, NULL, NULL, NULL, NULL, NULL, v.visits, sign
    FROM (
      SELECT r.site, least(sum(r.visit_count), 10)::integer AS visits FROM rows AS r GROUP BY r.site, r.person_id
    ) AS v WHERE v.visits > 0
    UNION ALL
    SELECT
      'visitor', v.site, v.dimension, v.value, NULL, v.day,
      coalesce(lag(v.day) OVER (PARTITION BY v.site, v.visitor_id, v.dimension, v.value ORDER BY v.day), '-infinity'),
      NULL, sign
    FROM (
      SELECT DISTINCT d.site, d.visitor_id, d.day, x.dimension, x.value
      FROM touched_visitors AS t CROSS JOIN LATERAL (
        SELECT * FROM visit_days AS v WHERE v.site = t.site AND v.visitor_id = t.visitor_id AND v.visit_count > 0 OFFSET 0
      ) AS d
      CROSS JOIN LATERAL (VALUES
        ('country', d.country), ('language', d.language_code), ('device', d.device_type)
      ) AS x (dimension, value)
    ) AS v;
END
$$;

CREATE FUNCTION refresh_people() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  visitors bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('refresh_people'));
  IF NOT EXISTS (SELECT FROM changed_visitors) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE visitor_notes ON COMMIT DROP AS SELECT * FROM changed_visitors WHERE false;
  WITH notes AS (DELETE FROM changed_visitors RETURNING *) INSERT INTO visitor_notes SELECT DISTINCT * FROM notes;
  ANALYZE visitor_notes;
  -- An alias is a link between users: all whom it links, directly or not, may be somebody else now.
  CREATE TEMPORARY TABLE touched_visitors ON COMMIT DROP AS
    WITH RECURSIVE users AS (
      SELECT site, user_id FROM visitor_notes WHERE user_id IS NOT NULL
      UNION
      SELECT u.site, l.id
      FROM users AS u CROSS JOIN LATERAL (
        SELECT user_id AS id FROM visit_events AS e
        WHERE e.site = u.site AND e.previous_id = u.user_id AND e.event_type = 'alias' AND user_id IS NOT NULL
        UNION ALL
        SELECT previous_id FROM visit_events AS e
        WHERE e.site = u.site AND e.user_id = u.user_id AND e.event_type = 'alias' AND previous_id IS NOT NULL
      ) AS l
    )
    SELECT site, visitor_id FROM visitor_notes WHERE visitor_id IS NOT NULL
    UNION
    SELECT u.site, v.id FROM users AS u CROSS JOIN LATERAL (
      SELECT u.user_id AS id
      UNION ALL
      SELECT visitor_id FROM visit_events AS e WHERE e.site = u.site AND e.user_id = u.user_id
      UNION ALL
      SELECT visitor_id FROM sessions AS s WHERE s.site = u.site AND s.user_id = u.user_id
    ) AS v;
  GET DIAGNOSTICS visitors = ROW_COUNT;
  ANALYZE touched_visitors;

  CREATE TEMPORARY TABLE touched_users ON COMMIT DROP AS
    SELECT t.site, t.visitor_id, min(coalesce(a.user_id, e.user_id)) AS user_id,
      count(DISTINCT coalesce(a.user_id, e.user_id)) AS user_count
    FROM touched_visitors AS t
    CROSS JOIN LATERAL (
      SELECT user_id FROM visit_events AS e
      WHERE e.site = t.site AND e.visitor_id = t.visitor_id AND user_id IS NOT NULL
      UNION
      SELECT user_id FROM visit_events AS e
      WHERE e.site = t.site AND e.previous_id = t.visitor_id AND event_type = 'alias' AND user_id IS NOT NULL
    ) AS e
    LEFT JOIN user_aliases AS a ON a.site = t.site AND a.previous_id = e.user_id
    GROUP BY t.site, t.visitor_id;
  DELETE FROM shared_visitors AS s USING touched_visitors AS t WHERE s.site = t.site AND s.visitor_id = t.visitor_id;
  INSERT INTO shared_visitors SELECT site, visitor_id FROM touched_users WHERE user_count > 1;

  CREATE TEMPORARY TABLE new_visit_days ON COMMIT DROP AS
    SELECT
      t.site, t.visitor_id, coalesce(a.user_id, s.user_id, u.user_id, t.visitor_id) AS person_id,
      (s.session_start AT TIME ZONE zone_of(t.site))::date AS day, s.country, s.language_code, s.device_type,
      count(*) FILTER (WHERE NOT s.is_bot) AS visit_count,
      min(s.session_start) AS first_start,
      date_trunc('hour', min(s.session_start), zone_of(t.site)) AS first_hour,
      (array_agg(s.is_bot ORDER BY s.session_start, s.session_id))[1] AS is_first_bot
    FROM touched_visitors AS t
    CROSS JOIN LATERAL (
      SELECT * FROM sessions AS v WHERE v.site = t.site AND v.visitor_id = t.visitor_id OFFSET 0
    ) AS s
    LEFT JOIN user_aliases AS a ON a.site = t.site AND a.previous_id = s.user_id
    LEFT JOIN touched_users AS u ON u.site = t.site AND u.visitor_id = t.visitor_id AND u.user_count = 1
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
  CREATE TEMPORARY TABLE touched_people ON COMMIT DROP AS
    SELECT d.site, d.person_id FROM touched_visitors AS t
    JOIN visit_days AS d ON d.site = t.site AND d.visitor_id = t.visitor_id
    UNION
    SELECT site, person_id FROM new_visit_days;
  ANALYZE touched_people;

  CREATE TEMPORARY TABLE people_changes ON COMMIT DROP AS SELECT * FROM people_facts(-1);
  DELETE FROM visit_days AS d USING touched_visitors AS t WHERE d.site = t.site AND d.visitor_id = t.visitor_id;
  INSERT INTO visit_days SELECT * FROM new_visit_days;
  INSERT INTO people_changes SELECT * FROM people_facts(1);

  INSERT INTO first_visits AS f SELECT site, hour, sum(n) FROM people_changes
  WHERE fact = 'first visit' GROUP BY 1, 2 HAVING sum(n) <> 0
  ON CONFLICT (site, hour) DO UPDATE SET person_count = f.person_count + EXCLUDED.person_count;
  DELETE FROM first_visits WHERE person_count = 0;
  INSERT INTO active_people AS p SELECT site, day, since, sum(n) FROM people_changes
  WHERE fact = 'active' GROUP BY 1, 2, 3 HAVING sum(n) <> 0
  ON CONFLICT (site, day, previous_day) DO UPDATE SET person_count = p.person_count + EXCLUDED.person_count;
  DELETE FROM active_people WHERE person_count = 0;
  INSERT INTO active_visitors AS v SELECT site, name, value, day, since, sum(n) FROM people_changes
  WHERE fact = 'visitor' GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  ON CONFLICT (site, dimension, day, value, previous_day)
  DO UPDATE SET visitor_count = v.visitor_count + EXCLUDED.visitor_count;
  DELETE FROM active_visitors WHERE visitor_count = 0;
  INSERT INTO cohorts AS c SELECT site, name, day, number, sum(n) FROM people_changes
  WHERE fact = 'cohort' GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0
  ON CONFLICT (site, unit, cohort, period) DO UPDATE SET person_count = c.person_count + EXCLUDED.person_count;
  DELETE FROM cohorts WHERE person_count = 0;
  INSERT INTO visits_a_person AS v SELECT site, number, sum(n) FROM people_changes
  WHERE fact = 'visits' GROUP BY 1, 2 HAVING sum(n) <> 0
  ON CONFLICT (site, visit_count) DO UPDATE SET person_count = v.person_count + EXCLUDED.person_count;
  DELETE FROM visits_a_person WHERE person_count = 0;
  RETURN visitors;
END
$$;
COMMENT ON FUNCTION refresh_people IS
  'count the people behind all visitors anew of whom something was written since the last call; returns how many visitors';

-- Days of another time zone: what was counted is in visit_days, so nothing needs to be forgotten first.
CREATE FUNCTION note_zone_of_visitors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  INSERT INTO changed_visitors SELECT DISTINCT site, visitor_id FROM sessions WHERE site = NEW.site;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_added_zone_of_visitors AFTER INSERT OR DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION note_zone_of_visitors();
CREATE TRIGGER note_zone_of_visitors AFTER UPDATE ON sites FOR EACH ROW
WHEN (OLD.timezone <> NEW.timezone) EXECUTE FUNCTION note_zone_of_visitors();
INSERT INTO changed_visitors SELECT DISTINCT site, visitor_id FROM sessions;
INSERT INTO changed_visitors SELECT DISTINCT site, visitor_id FROM visitor_users;

CREATE FUNCTION people_of(site_name text, first_day date, last_day date) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(person_count), 0)::bigint FROM active_people
  WHERE site = site_name AND day BETWEEN first_day AND last_day AND previous_day < first_day
$$;
COMMENT ON FUNCTION people_of IS 'people of any days of the site''s time zone, programs left out, as they were last counted';

CREATE FUNCTION visitors_by(site_name text, first_day date, last_day date, fewest integer DEFAULT 10)
RETURNS TABLE (dimension text, value text, visitor_count bigint)
LANGUAGE sql STABLE AS $$
  SELECT v.dimension, v.value, sum(v.visitor_count)::bigint
  FROM active_visitors AS v
  WHERE v.site = site_name AND v.day BETWEEN first_day AND last_day AND v.previous_day < first_day
  GROUP BY v.dimension, v.value
  HAVING sum(v.visitor_count) >= greatest(fewest, 2)
  ORDER BY v.dimension, sum(v.visitor_count) DESC, v.value
$$;
COMMENT ON FUNCTION visitors_by IS
  'what demographics says, as it was last counted: a group of fewer visitors than the floor (at least 2) is not shown';

CREATE FUNCTION new_and_returning(site_name text, begins timestamptz, ends timestamptz)
RETURNS TABLE (period_start timestamptz, new_count bigint, returning_count bigint)
LANGUAGE sql STABLE AS $$
  SELECT v.period_start, coalesce(f.n, 0)::bigint, (v.n - coalesce(f.n, 0))::bigint
  FROM (
    SELECT t.period_start, sum(t.visit_count) AS n
    FROM traffic_between(site_name, begins, ends, 'language') AS t WHERE NOT t.is_bot GROUP BY 1
  ) AS v
  LEFT JOIN (
    SELECT date_trunc(grain_of(begins, ends), hour, zone_of(site_name)) AS period_start, sum(person_count) AS n
    FROM first_visits
    WHERE site = site_name AND hour >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND hour < ends
    GROUP BY 1
  ) AS f USING (period_start)
  ORDER BY 1
$$;
COMMENT ON FUNCTION new_and_returning IS
  'visits that are somebody''s first, and all others, by the hours that these times touch; over eight days, by days';

GRANT SELECT ON first_visits, active_people, active_visitors, cohorts, visits_a_person, shared_visitors TO footfall_reader;
GRANT EXECUTE ON FUNCTION people_of, visitors_by, new_and_returning TO footfall_reader;

-- migrate:down

DROP FUNCTION new_and_returning, visitors_by, people_of;
DROP TRIGGER note_zone_of_visitors ON sites;
DROP TRIGGER note_added_zone_of_visitors ON sites;
DROP FUNCTION note_zone_of_visitors, refresh_people, people_facts;
DROP TABLE shared_visitors, visits_a_person, cohorts, active_visitors, active_people, first_visits, visit_days;
DROP INDEX sessions_users, visit_events_aliases, visit_events_visitor_users, visit_events_users;
DROP TRIGGER note_lost_user ON visit_events;
DROP TRIGGER note_changed_user ON visit_events;
DROP TRIGGER note_user ON visit_events;
DROP TRIGGER note_visitor ON sessions;
DROP FUNCTION note_user, note_visitor;
DROP TABLE changed_visitors;
