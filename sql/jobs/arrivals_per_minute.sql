-- arrivals_per_minute: one row per site, library, outcome and minute of arrival.
-- Whether the data can be trusted: the share that came late, twice, incomplete or by a wrong clock, and from which
-- library. With last_records: what each partition of the topic got last. That waits for no window, for a partition that
-- gets nothing keeps every window from being written.
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

-- Not of the view arrivals, which mixes the partitions to find copies: a partition is read in its order and written by its
-- key, so that what stays is its last record.
INSERT INTO last_records
SELECT
  kafka_partition,
  CASE WHEN is_heartbeat THEN 'heartbeat' ELSE 'event' END AS kind,
  kafka_offset,
  CAST(kafka_time AS TIMESTAMP(3)) AS kafka_time
FROM topic_records
ON CONFLICT DO DEDUPLICATE;
END;
