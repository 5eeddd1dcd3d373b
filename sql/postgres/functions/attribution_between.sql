-- attribution_between: attribution of these times: up to six hours one by one, up to eight days by the hours that they
-- touch, else by days
CREATE OR REPLACE FUNCTION attribution_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF attribution
LANGUAGE sql STABLE AS $$
  SELECT * FROM attribution WHERE site = site_name AND grain = fine_grain_of(begins, ends)
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', date_trunc('minute', event_time), model, channel, goal, currency, 1, revenue
  FROM attributed_conversions
  WHERE site = site_name AND event_time BETWEEN begins AND ends AND fine_grain_of(begins, ends) = 'minute'
$$;
COMMENT ON FUNCTION attribution_between IS
  'attribution of these times: up to six hours one by one, up to eight days by the hours that they touch, else by days';
GRANT EXECUTE ON FUNCTION attribution_between TO footfall_reader;
