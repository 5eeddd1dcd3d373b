-- web_vitals_per_day: the 50th, 75th and 95th percentile of each measure by page and device; percentiles of days can't
-- be averaged
CREATE OR REPLACE VIEW web_vitals_per_day AS
SELECT
  site, (event_time AT TIME ZONE zone_of(site))::date AS day, page_path, device_type,
  count(*) AS measured_count,
  percentile_cont(ARRAY[0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY lcp_ms::float8) AS lcp_ms,
  percentile_cont(ARRAY[0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY inp_ms::float8) AS inp_ms,
  percentile_cont(ARRAY[0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY cls::float8) AS cls
FROM web_vitals
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW web_vitals_per_day IS
  'the 50th, 75th and 95th percentile of each measure by page and device; percentiles of days can''t be averaged';
GRANT SELECT ON web_vitals_per_day TO footfall_reader;
