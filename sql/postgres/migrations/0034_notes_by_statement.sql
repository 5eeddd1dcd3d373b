-- Notes of what was written (0012_traffic.sql and those after it) by the statement, each once, and no more by the row. A
-- batch of Flink's rows left a note for each, by a call of a function for each, and they took a writer half of its time.
--
-- After a statement, rows_before are the rows that it changed or removed as they were, and rows_now those that it wrote.

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
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visits SELECT DISTINCT site, session_start, visitor_id FROM rows_before;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_visits SELECT DISTINCT site, session_start, visitor_id FROM rows_now;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_visitor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visitors SELECT DISTINCT site, visitor_id FROM rows_before;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_visitors SELECT DISTINCT site, visitor_id FROM rows_now;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_goal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visits (site, visitor_id, event_time)
    SELECT DISTINCT r.site, r.visitor_id, r.event_time
    FROM rows_before AS r JOIN sites AS s ON s.site = r.site AND r.event_name = ANY (s.goals)
    WHERE r.event_type = 'track' AND r.is_action;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_visits (site, visitor_id, event_time)
    SELECT DISTINCT r.site, r.visitor_id, r.event_time
    FROM rows_now AS r JOIN sites AS s ON s.site = r.site AND r.event_name = ANY (s.goals)
    WHERE r.event_type = 'track' AND r.is_action;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visitors
    SELECT site, visitor_id, CASE event_type WHEN 'alias' THEN user_id END FROM rows_before WHERE user_id IS NOT NULL
    UNION
    SELECT site, previous_id, previous_id FROM rows_before WHERE user_id IS NOT NULL AND event_type = 'alias';
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_visitors
    SELECT site, visitor_id, CASE event_type WHEN 'alias' THEN user_id END FROM rows_now WHERE user_id IS NOT NULL
    UNION
    SELECT site, previous_id, previous_id FROM rows_now WHERE user_id IS NOT NULL AND event_type = 'alias';
  END IF;
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

CREATE OR REPLACE FUNCTION note_counted_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_counts SELECT DISTINCT 'actions', site, date_trunc('minute', event_time) FROM rows_before
    WHERE event_type = 'track' OR revenue IS NOT NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_counts SELECT DISTINCT 'actions', site, date_trunc('minute', event_time) FROM rows_now
    WHERE event_type = 'track' OR revenue IS NOT NULL;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_count() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_counts SELECT DISTINCT TG_ARGV[0], site, window_start FROM rows_before;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_counts SELECT DISTINCT TG_ARGV[0], site, window_start FROM rows_now;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_pages SELECT DISTINCT site, window_start FROM rows_before;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_pages SELECT DISTINCT site, window_start FROM rows_now;
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

CREATE OR REPLACE FUNCTION note_web_vitals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_web_vitals SELECT DISTINCT site, date_trunc('minute', event_time) FROM rows_before;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_web_vitals SELECT DISTINCT site, date_trunc('minute', event_time) FROM rows_now;
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
    ('visit_events', 'note_action()'),
    ('visit_events', 'note_counted_event()'),
    ('page_views_per_minute', 'note_page()'),
    ('page_views_per_minute', 'note_minute()'),
    ('engagement_per_minute', 'note_page()'),
    ('elements_per_minute', 'note_count(''elements'')'),
    ('arrivals_per_minute', 'note_count(''arrivals'')'),
    ('custom_events_per_minute', 'note_count(''custom_events'')'),
    ('web_vitals', 'note_web_vitals()')
  ) AS v (name, call) LOOP
    EXECUTE format(
      'CREATE TRIGGER %3$s_written AFTER INSERT ON %1$I REFERENCING NEW TABLE AS rows_now'
      ' FOR EACH STATEMENT EXECUTE FUNCTION %2$s', it.name, it.call, split_part(it.call, '(', 1)
    );
    EXECUTE format(
      'CREATE TRIGGER %3$s_changed AFTER UPDATE ON %1$I REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_now'
      ' FOR EACH STATEMENT EXECUTE FUNCTION %2$s', it.name, it.call, split_part(it.call, '(', 1)
    );
    EXECUTE format(
      'CREATE TRIGGER %3$s_removed AFTER DELETE ON %1$I REFERENCING OLD TABLE AS rows_before'
      ' FOR EACH STATEMENT EXECUTE FUNCTION %2$s', it.name, it.call, split_part(it.call, '(', 1)
    );
  END LOOP;
END
$$;

-- migrate:down

DROP TRIGGER note_visit_written ON sessions;
DROP TRIGGER note_visit_changed ON sessions;
DROP TRIGGER note_visit_removed ON sessions;
DROP TRIGGER note_visitor_written ON sessions;
DROP TRIGGER note_visitor_changed ON sessions;
DROP TRIGGER note_visitor_removed ON sessions;
DROP TRIGGER note_goal_written ON visit_events;
DROP TRIGGER note_goal_changed ON visit_events;
DROP TRIGGER note_goal_removed ON visit_events;
DROP TRIGGER note_user_written ON visit_events;
DROP TRIGGER note_user_changed ON visit_events;
DROP TRIGGER note_user_removed ON visit_events;
DROP TRIGGER note_action_written ON visit_events;
DROP TRIGGER note_action_changed ON visit_events;
DROP TRIGGER note_action_removed ON visit_events;
DROP TRIGGER note_counted_event_written ON visit_events;
DROP TRIGGER note_counted_event_changed ON visit_events;
DROP TRIGGER note_counted_event_removed ON visit_events;
DROP TRIGGER note_page_written ON page_views_per_minute;
DROP TRIGGER note_page_changed ON page_views_per_minute;
DROP TRIGGER note_page_removed ON page_views_per_minute;
DROP TRIGGER note_minute_written ON page_views_per_minute;
DROP TRIGGER note_minute_changed ON page_views_per_minute;
DROP TRIGGER note_minute_removed ON page_views_per_minute;
DROP TRIGGER note_page_written ON engagement_per_minute;
DROP TRIGGER note_page_changed ON engagement_per_minute;
DROP TRIGGER note_page_removed ON engagement_per_minute;
DROP TRIGGER note_count_written ON elements_per_minute;
DROP TRIGGER note_count_changed ON elements_per_minute;
DROP TRIGGER note_count_removed ON elements_per_minute;
DROP TRIGGER note_count_written ON arrivals_per_minute;
DROP TRIGGER note_count_changed ON arrivals_per_minute;
DROP TRIGGER note_count_removed ON arrivals_per_minute;
DROP TRIGGER note_count_written ON custom_events_per_minute;
DROP TRIGGER note_count_changed ON custom_events_per_minute;
DROP TRIGGER note_count_removed ON custom_events_per_minute;
DROP TRIGGER note_web_vitals_written ON web_vitals;
DROP TRIGGER note_web_vitals_changed ON web_vitals;
DROP TRIGGER note_web_vitals_removed ON web_vitals;

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
