-- rejected_per_hour: records that are no events, by reason
CREATE OR REPLACE VIEW rejected_per_hour AS
SELECT coalesce(site, '') AS site, date_trunc('hour', received_at) AS hour, reason, count(*) AS record_count
FROM rejected_events
GROUP BY 1, 2, 3;
COMMENT ON VIEW rejected_per_hour IS 'records that are no events, by reason';
GRANT SELECT ON rejected_per_hour TO footfall_reader;
