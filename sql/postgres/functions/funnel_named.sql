-- funnel_named: the funnel; an error where there is none, or where its steps have a gap
CREATE OR REPLACE FUNCTION funnel_named(site_name text, funnel_name text) RETURNS funnels
LANGUAGE plpgsql STABLE AS $$
DECLARE
  asked funnels;
BEGIN
  SELECT * INTO asked FROM funnels AS f
  WHERE f.site = site_name AND f.funnel = funnel_name AND (
    SELECT count(*) > 0 AND count(*) = max(s.step) FROM funnel_steps AS s
    WHERE s.site = site_name AND s.funnel = funnel_name
  );
  IF NOT FOUND THEN
    RAISE EXCEPTION 'site % has no funnel % with steps 1, 2, …', site_name, funnel_name;
  END IF;
  RETURN asked;
END
$$;
COMMENT ON FUNCTION funnel_named IS 'the funnel; an error where there is none, or where its steps have a gap';
GRANT EXECUTE ON FUNCTION funnel_named TO footfall_reader;
