-- Notes of what was written (0012_traffic.sql and those after it) by the statement, each once, and no more by the row. A
-- batch of Flink's rows left a note for each, by a call of a function for each, and they took a writer half of its time.
--
-- A function is called with the rows that a statement wrote or removed (touched_rows), after an update twice: with them as
-- they were and as they are. Those that compare the two get both at once (rows_before, rows_now).

-- migrate:up

DROP TRIGGER note_visit ON sessions;
DROP TRIGGER note_goal ON visit_events;
DROP TRIGGER note_lost_goal ON visit_events;
DROP TRIGGER note_page ON page_views_per_minute;
DROP TRIGGER note_page ON engagement_per_minute;
DROP TRIGGER note_minute ON page_views_per_minute;
DROP TRIGGER note_count ON elements_per_minute;
DROP TRIGGER note_count ON arrivals_per_minute;
DROP TRIGGER note_count ON custom_events_per_minute;
DROP TRIGGER note_count ON visit_events;
DROP TRIGGER note_changed_count ON visit_events;
DROP TRIGGER note_lost_count ON visit_events;
DROP TRIGGER note_visitor ON sessions;
DROP TRIGGER note_user ON visit_events;
DROP TRIGGER note_changed_user ON visit_events;
DROP TRIGGER note_lost_user ON visit_events;
DROP TRIGGER note_action ON visit_events;
DROP TRIGGER note_lost_action ON visit_events;
DROP TRIGGER note_changed_action ON visit_events;
DROP TRIGGER note_web_vitals ON web_vitals;

CREATE OR REPLACE FUNCTION note_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_visits SELECT DISTINCT site, session_start, visitor_id FROM touched_rows;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_visitor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_visitors SELECT DISTINCT site, visitor_id FROM touched_rows;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_goal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_visits (site, visitor_id, event_time)
  SELECT DISTINCT r.site, r.visitor_id, r.event_time
  FROM touched_rows AS r JOIN sites AS s ON s.site = r.site AND r.event_name = ANY (s.goals)
  WHERE r.event_type = 'track' AND r.is_action;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_visitors
  SELECT site, visitor_id, CASE event_type WHEN 'alias' THEN user_id END FROM touched_rows WHERE user_id IS NOT NULL
  UNION
  SELECT site, previous_id, previous_id FROM touched_rows WHERE user_id IS NOT NULL AND event_type = 'alias';
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_counted_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_counts SELECT DISTINCT 'actions', site, date_trunc('minute', event_time) FROM touched_rows
  WHERE event_type = 'track' OR revenue IS NOT NULL;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_count() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_counts SELECT DISTINCT TG_ARGV[0], site, window_start FROM touched_rows;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_pages SELECT DISTINCT site, window_start FROM touched_rows;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_web_vitals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO changed_web_vitals SELECT DISTINCT site, date_trunc('minute', event_time) FROM touched_rows;
  RETURN NULL;
END
$$;

-- Every action, whether some funnel asks for it or not; from the first one of a visitor on they are counted anew. A replay
-- writes most rows as they were, which are no reason to.
CREATE OR REPLACE FUNCTION note_action() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO changed_attempts SELECT site, visitor_id, min(event_time) FROM rows_now WHERE is_action GROUP BY 1, 2;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO changed_attempts SELECT site, visitor_id, min(event_time) FROM rows_before WHERE is_action GROUP BY 1, 2;
  ELSE
    INSERT INTO changed_attempts
    WITH actions_before AS (
      SELECT site, event_time, message_id, visitor_id, event_type, event_name, page_path, label
      FROM rows_before WHERE is_action
    ),
    actions_now AS (
      SELECT site, event_time, message_id, visitor_id, event_type, event_name, page_path, label
      FROM rows_now WHERE is_action
    )
    SELECT site, visitor_id, min(event_time) FROM (
      (TABLE actions_before EXCEPT TABLE actions_now) UNION ALL (TABLE actions_now EXCEPT TABLE actions_before)
    ) AS changed
    GROUP BY 1, 2;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_minute() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO changed_minutes SELECT DISTINCT site, window_start FROM rows_now;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO changed_minutes SELECT DISTINCT site, window_start FROM rows_before;
  ELSE  -- often the same row again, such as after a restart
    INSERT INTO changed_minutes
    WITH views_before AS (SELECT site, window_start, page_path, page_view_count FROM rows_before),
    views_now AS (SELECT site, window_start, page_path, page_view_count FROM rows_now)
    SELECT DISTINCT site, window_start FROM (
      (TABLE views_before EXCEPT TABLE views_now) UNION ALL (TABLE views_now EXCEPT TABLE views_before)
    ) AS changed;
  END IF;
  RETURN NULL;
END
$$;

DO $$
DECLARE
  it record;
BEGIN
  FOR it IN SELECT * FROM (VALUES
    ('sessions', 'note_visit()'),
    ('sessions', 'note_visitor()'),
    ('visit_events', 'note_goal()'),
    ('visit_events', 'note_user()'),
    ('visit_events', 'note_counted_event()'),
    ('page_views_per_minute', 'note_page()'),
    ('engagement_per_minute', 'note_page()'),
    ('elements_per_minute', 'note_count(''elements'')'),
    ('arrivals_per_minute', 'note_count(''arrivals'')'),
    ('custom_events_per_minute', 'note_count(''custom_events'')'),
    ('web_vitals', 'note_web_vitals()')
  ) AS v (name, call) CROSS JOIN (VALUES
    ('written', 'INSERT', 'NEW'), ('removed', 'DELETE', 'OLD'), ('was', 'UPDATE', 'OLD'), ('is', 'UPDATE', 'NEW')
  ) AS w (suffix, operation, version) LOOP
    EXECUTE format(
      'CREATE TRIGGER %s_%s AFTER %s ON %I REFERENCING %s TABLE AS touched_rows FOR EACH STATEMENT EXECUTE FUNCTION %s',
      split_part(it.call, '(', 1), it.suffix, it.operation, it.name, it.version, it.call
    );
  END LOOP;
  FOR it IN SELECT * FROM (VALUES ('visit_events', 'note_action'), ('page_views_per_minute', 'note_minute')) AS v (name, call)
  CROSS JOIN (VALUES
    ('written', 'INSERT', 'NEW TABLE AS rows_now'), ('removed', 'DELETE', 'OLD TABLE AS rows_before'),
    ('changed', 'UPDATE', 'OLD TABLE AS rows_before NEW TABLE AS rows_now')
  ) AS w (suffix, operation, versions) LOOP
    EXECUTE format(
      'CREATE TRIGGER %s_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %s()',
      it.call, it.suffix, it.operation, it.name, it.versions, it.call
    );
  END LOOP;
END
$$;

-- migrate:down

DO $$
DECLARE
  it record;
BEGIN
  FOR it IN
    SELECT t.tgname AS name, c.oid::regclass AS of_table FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE t.tgname ~ '^note_.*_(written|removed|was|is|changed)$' AND c.relnamespace = 'public'::regnamespace
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', it.name, it.of_table);
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION note_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visits VALUES (OLD.site, OLD.session_start, OLD.visitor_id);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE'
    AND (NEW.site, NEW.session_start, NEW.visitor_id) <> (OLD.site, OLD.session_start, OLD.visitor_id) THEN
    INSERT INTO changed_visits VALUES (NEW.site, NEW.session_start, NEW.visitor_id);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_goal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  INSERT INTO changed_visits (site, visitor_id, event_time)
  SELECT NEW.site, NEW.visitor_id, NEW.event_time
  FROM sites WHERE site = NEW.site AND NEW.event_name = ANY (goals);
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  INSERT INTO changed_pages VALUES (NEW.site, NEW.window_start);
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_minute() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  ELSIF TG_OP = 'UPDATE' AND (NEW.site, NEW.window_start) <> (OLD.site, OLD.window_start) THEN
    INSERT INTO changed_minutes VALUES (OLD.site, OLD.window_start);
  ELSIF TG_OP = 'UPDATE' AND NEW.page_view_count = OLD.page_view_count THEN
    RETURN NULL;  -- the same row again, such as after a restart
  END IF;
  INSERT INTO changed_minutes VALUES (NEW.site, NEW.window_start);
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_counted_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_counts VALUES ('actions', OLD.site, OLD.event_time);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.event_time) <> (OLD.site, OLD.event_time) THEN
    INSERT INTO changed_counts VALUES ('actions', NEW.site, NEW.event_time);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_count() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_counts VALUES (TG_ARGV[0], OLD.site, OLD.window_start);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.window_start) <> (OLD.site, OLD.window_start) THEN
    INSERT INTO changed_counts VALUES (TG_ARGV[0], NEW.site, NEW.window_start);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_visitor() RETURNS trigger
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

CREATE OR REPLACE FUNCTION note_user() RETURNS trigger
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

CREATE OR REPLACE FUNCTION note_action() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_attempts VALUES (OLD.site, OLD.visitor_id, OLD.event_time);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_attempts VALUES (NEW.site, NEW.visitor_id, NEW.event_time);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_web_vitals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_web_vitals VALUES (OLD.site, OLD.event_time);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.event_time) <> (OLD.site, OLD.event_time) THEN
    INSERT INTO changed_web_vitals VALUES (NEW.site, NEW.event_time);
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER note_visit AFTER INSERT OR UPDATE OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note_visit();
CREATE TRIGGER note_goal AFTER INSERT OR UPDATE ON visit_events FOR EACH ROW
WHEN (NEW.event_type = 'track' AND NEW.is_action) EXECUTE FUNCTION note_goal();
CREATE TRIGGER note_lost_goal AFTER DELETE ON visit_events FOR EACH ROW
WHEN (OLD.event_type = 'track' AND OLD.is_action) EXECUTE FUNCTION note_goal();
CREATE TRIGGER note_page AFTER INSERT OR UPDATE OR DELETE ON page_views_per_minute
FOR EACH ROW EXECUTE FUNCTION note_page();
CREATE TRIGGER note_page AFTER INSERT OR UPDATE OR DELETE ON engagement_per_minute
FOR EACH ROW EXECUTE FUNCTION note_page();
CREATE TRIGGER note_minute AFTER INSERT OR UPDATE OR DELETE ON page_views_per_minute
FOR EACH ROW EXECUTE FUNCTION note_minute();
CREATE TRIGGER note_count AFTER INSERT OR UPDATE OR DELETE ON elements_per_minute
FOR EACH ROW EXECUTE FUNCTION note_count('elements');
CREATE TRIGGER note_count AFTER INSERT OR UPDATE OR DELETE ON arrivals_per_minute
FOR EACH ROW EXECUTE FUNCTION note_count('arrivals');
CREATE TRIGGER note_count AFTER INSERT OR UPDATE OR DELETE ON custom_events_per_minute
FOR EACH ROW EXECUTE FUNCTION note_count('custom_events');
CREATE TRIGGER note_count AFTER INSERT ON visit_events FOR EACH ROW
WHEN (NEW.event_type = 'track' OR NEW.revenue IS NOT NULL) EXECUTE FUNCTION note_counted_event();
CREATE TRIGGER note_changed_count AFTER UPDATE ON visit_events FOR EACH ROW
WHEN ('track' IN (OLD.event_type, NEW.event_type) OR coalesce(OLD.revenue, NEW.revenue) IS NOT NULL)
EXECUTE FUNCTION note_counted_event();
CREATE TRIGGER note_lost_count AFTER DELETE ON visit_events FOR EACH ROW
WHEN (OLD.event_type = 'track' OR OLD.revenue IS NOT NULL) EXECUTE FUNCTION note_counted_event();
CREATE TRIGGER note_visitor AFTER INSERT OR UPDATE OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note_visitor();
CREATE TRIGGER note_user AFTER INSERT ON visit_events FOR EACH ROW
WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION note_user();
CREATE TRIGGER note_changed_user AFTER UPDATE ON visit_events FOR EACH ROW
WHEN (coalesce(OLD.user_id, NEW.user_id) IS NOT NULL) EXECUTE FUNCTION note_user();
CREATE TRIGGER note_lost_user AFTER DELETE ON visit_events FOR EACH ROW
WHEN (OLD.user_id IS NOT NULL) EXECUTE FUNCTION note_user();
CREATE TRIGGER note_action AFTER INSERT ON visit_events FOR EACH ROW WHEN (NEW.is_action) EXECUTE FUNCTION note_action();
CREATE TRIGGER note_lost_action AFTER DELETE ON visit_events FOR EACH ROW WHEN (OLD.is_action) EXECUTE FUNCTION note_action();
CREATE TRIGGER note_changed_action AFTER UPDATE ON visit_events FOR EACH ROW
WHEN (
  (OLD.is_action OR NEW.is_action) AND
  (OLD.site, OLD.event_time, OLD.message_id, OLD.visitor_id, OLD.is_action, OLD.event_type, OLD.event_name, OLD.page_path,
    OLD.label)
  IS DISTINCT FROM
  (NEW.site, NEW.event_time, NEW.message_id, NEW.visitor_id, NEW.is_action, NEW.event_type, NEW.event_name, NEW.page_path,
    NEW.label)
) EXECUTE FUNCTION note_action();
CREATE TRIGGER note_web_vitals AFTER INSERT OR UPDATE OR DELETE ON web_vitals
FOR EACH ROW EXECUTE FUNCTION note_web_vitals();
