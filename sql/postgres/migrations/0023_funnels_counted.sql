-- Funnels counted ahead, as 0020_funnels.sql tells them from all actions.
--
-- How far a visitor came within any stretch of days is the furthest of what they began on each of these days. So an attempt
-- is kept for each visitor and day, and summed up twice, as people are (0019_people_counts.sql):
-- - a step's visitors by the day before that on which they came so far: those of a stretch of days have it outside;
-- - the times between two steps by the nearest days, before and after, on which the same visitor came further, or as far
--   sooner: of a stretch of days an attempt counts that has both outside, which is one for each visitor.
--
-- `refresh_funnels` takes what changed visitors had contributed out of these sums and adds what they contribute now. A
-- funnel that was edited is told from the actions until it has been counted.

-- migrate:up

CREATE TABLE changed_funnels (
  site text NOT NULL,
  funnel text NOT NULL
);
COMMENT ON TABLE changed_funnels IS 'one row per edit of a funnel that has not been counted since';
COMMENT ON COLUMN changed_funnels.site IS 'site of the funnel';
COMMENT ON COLUMN changed_funnels.funnel IS 'name of the funnel';

CREATE TABLE changed_attempts (
  site text NOT NULL,
  visitor_id text NOT NULL,
  event_time timestamptz NOT NULL
);
COMMENT ON TABLE changed_attempts IS
  'one row per action that was written since funnels were last counted';
COMMENT ON COLUMN changed_attempts.site IS 'site of the action';
COMMENT ON COLUMN changed_attempts.visitor_id IS 'who did it';
COMMENT ON COLUMN changed_attempts.event_time IS 'when';

-- Every action, whether some funnel asks for it or not: looking that up takes longer, and who does it while a funnel is made
-- or edited may not know of it yet.
CREATE FUNCTION note_action() RETURNS trigger
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
CREATE TRIGGER note_action AFTER INSERT ON visit_events FOR EACH ROW WHEN (NEW.is_action) EXECUTE FUNCTION note_action();
CREATE TRIGGER note_lost_action AFTER DELETE ON visit_events FOR EACH ROW WHEN (OLD.is_action) EXECUTE FUNCTION note_action();
-- A replay writes most rows as they were.
CREATE TRIGGER note_changed_action AFTER UPDATE ON visit_events FOR EACH ROW
WHEN (
  (OLD.is_action OR NEW.is_action) AND
  (OLD.site, OLD.event_time, OLD.message_id, OLD.visitor_id, OLD.is_action, OLD.event_type, OLD.event_name, OLD.page_path,
    OLD.label)
  IS DISTINCT FROM
  (NEW.site, NEW.event_time, NEW.message_id, NEW.visitor_id, NEW.is_action, NEW.event_type, NEW.event_name, NEW.page_path,
    NEW.label)
) EXECUTE FUNCTION note_action();

CREATE FUNCTION note_funnel() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_funnels VALUES (OLD.site, OLD.funnel);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO changed_funnels VALUES (NEW.site, NEW.funnel);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_funnel AFTER INSERT OR UPDATE OR DELETE ON funnels FOR EACH ROW EXECUTE FUNCTION note_funnel();
CREATE TRIGGER note_funnel AFTER INSERT OR UPDATE OR DELETE ON funnel_steps FOR EACH ROW EXECUTE FUNCTION note_funnel();

CREATE FUNCTION note_zone_of_funnels() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  INSERT INTO changed_funnels SELECT site, funnel FROM funnels WHERE site = NEW.site;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_added_zone_of_funnels AFTER INSERT OR DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION note_zone_of_funnels();
CREATE TRIGGER note_zone_of_funnels AFTER UPDATE ON sites FOR EACH ROW
WHEN (OLD.timezone <> NEW.timezone) EXECUTE FUNCTION note_zone_of_funnels();
INSERT INTO changed_funnels SELECT site, funnel FROM funnels;

CREATE TABLE funnel_attempts (
  site text NOT NULL,
  funnel text NOT NULL,
  visitor_id text NOT NULL,
  day date NOT NULL,
  depth integer NOT NULL,
  step_times timestamptz[] NOT NULL,
  PRIMARY KEY (site, funnel, visitor_id, day)
);
COMMENT ON TABLE funnel_attempts IS
  'one row per funnel, visitor and day of the site''s time zone on which they did the first step: what has been counted';
COMMENT ON COLUMN funnel_attempts.site IS 'site that was visited';
COMMENT ON COLUMN funnel_attempts.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_attempts.visitor_id IS 'who did it';
COMMENT ON COLUMN funnel_attempts.day IS 'day of the first step';
COMMENT ON COLUMN funnel_attempts.depth IS 'furthest step that was reached from a first step of this day';
COMMENT ON COLUMN funnel_attempts.step_times IS 'when each step was done, on the first way that led so far';

CREATE TABLE funnel_counts (
  site text NOT NULL,
  funnel text NOT NULL,
  step integer NOT NULL,
  day date NOT NULL,
  previous_day date NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, funnel, step, day, previous_day)
);
COMMENT ON TABLE funnel_counts IS
  'visitors that reached a step, by the day of their first step and the one before on which they came so far';
COMMENT ON COLUMN funnel_counts.site IS 'site that was visited';
COMMENT ON COLUMN funnel_counts.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_counts.step IS 'step that was reached';
COMMENT ON COLUMN funnel_counts.day IS 'day of the site''s time zone on which the first step was done';
COMMENT ON COLUMN funnel_counts.previous_day IS
  'day before of a first step that led to this one; -infinity for those without any';
COMMENT ON COLUMN funnel_counts.visitor_count IS 'visitors';

CREATE TABLE funnel_times (
  site text NOT NULL,
  funnel text NOT NULL,
  step integer NOT NULL,
  day date NOT NULL,
  better_before date NOT NULL,
  better_after date NOT NULL,
  bucket integer NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, funnel, step, day, better_before, better_after, bucket) INCLUDE (visitor_count)
);
COMMENT ON TABLE funnel_times IS
  'how long visitors took to a step from the one before, by the days between which no attempt of theirs is better';
COMMENT ON COLUMN funnel_times.site IS 'site that was visited';
COMMENT ON COLUMN funnel_times.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_times.step IS 'step that was reached, 2 or more';
COMMENT ON COLUMN funnel_times.day IS 'day of the site''s time zone on which the first step was done';
COMMENT ON COLUMN funnel_times.better_before IS 'last day before of an attempt that led further, or as far sooner; else -infinity';
COMMENT ON COLUMN funnel_times.better_after IS 'first day after, likewise; else infinity';
COMMENT ON COLUMN funnel_times.bucket IS 'the time in ms, by bucket_of';
COMMENT ON COLUMN funnel_times.visitor_count IS 'visitors';

-- What has become nothing is looked for after each refresh, and not in all rows.
CREATE INDEX ON funnel_counts (site) WHERE visitor_count = 0;
CREATE INDEX ON funnel_times (site) WHERE visitor_count = 0;

GRANT SELECT ON changed_funnels, funnel_counts, funnel_times TO footfall_reader;

-- migrate:down

DROP TABLE funnel_times, funnel_counts, funnel_attempts;
DROP TRIGGER note_zone_of_funnels ON sites;
DROP TRIGGER note_added_zone_of_funnels ON sites;
DROP TRIGGER note_funnel ON funnel_steps;
DROP TRIGGER note_funnel ON funnels;
DROP TRIGGER note_changed_action ON visit_events;
DROP TRIGGER note_lost_action ON visit_events;
DROP TRIGGER note_action ON visit_events;
DROP FUNCTION note_zone_of_funnels, note_funnel, note_action;
DROP TABLE changed_attempts, changed_funnels;
