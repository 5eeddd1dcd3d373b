-- arrivals_per_minute: one row per site, library, outcome and minute of arrival.
-- Whether the data can be trusted: the share that came late, twice or incomplete, and from which library.
INSERT INTO arrivals_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  library,
  outcome,
  COUNT(*) AS event_count
FROM TABLE(
  TUMBLE(
    DATA => TABLE arrivals,
    TIMECOL => DESCRIPTOR(received_at),
    SIZE => INTERVAL '1' MINUTE))
GROUP BY
  site,
  window_start,
  window_end,
  library,
  outcome
ON CONFLICT DO DEDUPLICATE;
