-- elements_between: impressions and clicks of these times: up to six hours by minute, up to eight days by the hours
-- that they touch, else by days
CREATE OR REPLACE FUNCTION elements_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF elements
LANGUAGE sql STABLE AS $$
  SELECT * FROM elements WHERE site = site_name AND grain = fine_grain_of(begins, ends)
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', window_start, element_name, page_path, utm_campaign, view_count, click_count
  FROM elements_per_minute
  WHERE site = site_name AND window_start BETWEEN begins AND ends AND fine_grain_of(begins, ends) = 'minute'
$$;
COMMENT ON FUNCTION elements_between IS
  'impressions and clicks of these times: up to six hours by minute, up to eight days by the hours that they touch, else by days';
GRANT EXECUTE ON FUNCTION elements_between TO footfall_reader;
