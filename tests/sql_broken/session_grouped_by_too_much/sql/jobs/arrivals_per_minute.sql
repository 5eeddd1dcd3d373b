-- arrivals_per_minute: one row per site, library, outcome and burst of arrivals.
EXECUTE STATEMENT SET
BEGIN
INSERT INTO arrivals_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  library,
  outcome,
  COUNT(*) AS event_count,
  COUNT(clock_error_ms) AS wrong_clock_count,
  COALESCE(SUM(clock_error_ms), 0) AS clock_error_ms
FROM TABLE(
  SESSION(
    DATA => TABLE arrivals PARTITION BY (site, library),
    TIMECOL => DESCRIPTOR(received_at),
    GAP => INTERVAL '30' MINUTE))
GROUP BY
  site,
  library,
  outcome,
  window_start,
  window_end
ON CONFLICT DO DEDUPLICATE;

INSERT INTO last_records
SELECT
  kafka_partition,
  CASE WHEN is_heartbeat THEN 'heartbeat' ELSE 'event' END AS kind,
  kafka_offset,
  CAST(kafka_time AS TIMESTAMP(3)) AS kafka_time
FROM topic_records
ON CONFLICT DO DEDUPLICATE;
END;
