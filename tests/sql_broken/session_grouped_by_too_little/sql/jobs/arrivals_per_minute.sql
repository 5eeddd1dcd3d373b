-- arrivals_per_minute: one row per site, library, outcome and burst of arrivals.
INSERT INTO arrivals_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  MAX(library) AS library,
  MAX(outcome) AS outcome,
  COUNT(*) AS event_count
FROM TABLE(
  SESSION(
    DATA => TABLE arrivals PARTITION BY (site, library),
    TIMECOL => DESCRIPTOR(received_at),
    GAP => INTERVAL '30' MINUTE))
GROUP BY
  site,
  window_start,
  window_end
ON CONFLICT DO DEDUPLICATE;
