-- goals_between: those of actions_between that the site names as goals
CREATE OR REPLACE FUNCTION goals_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF actions
LANGUAGE sql STABLE AS $$
  SELECT a.* FROM actions_between(site_name, begins, ends) AS a
  WHERE a.event_type = 'track' AND a.event_name IN (SELECT unnest(goals) FROM sites WHERE site = site_name)
$$;
COMMENT ON FUNCTION goals_between IS 'those of actions_between that the site names as goals';
GRANT EXECUTE ON FUNCTION goals_between TO footfall_reader;
