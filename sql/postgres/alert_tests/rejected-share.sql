-- rejected-share: three in a hundred of the records of the last minutes, and thirty at least, were rejected. No more
-- than 200,000 are written; partition -1 is none of Kafka's.

-- as: writer
INSERT INTO rejected_events (received_at, kafka_partition, kafka_offset, site, reason, original)
SELECT now() - n * INTERVAL '1 millisecond', -1, n, %(site)s, 'alert test', NULL
FROM (
  SELECT coalesce(sum(event_count), 0) AS records FROM arrivals_per_minute
  WHERE window_start > now() - INTERVAL '20 minutes' AND outcome <> 'heartbeat'
) AS arrived
CROSS JOIN LATERAL generate_series(1, least(ceil(0.03 * greatest(records, 1000)), 200000)::bigint) AS n;
