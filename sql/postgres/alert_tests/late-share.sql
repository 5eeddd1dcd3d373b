-- late-share: every second of 1,000 events of the last minutes came late.

-- as: writer
INSERT INTO arrivals_per_minute (site, window_start, library, outcome, event_count)
SELECT %(site)s, date_trunc('minute', now()) - m * INTERVAL '1 minute', 'alert test', outcome, 50
FROM generate_series(0, 9) AS m, unnest(ARRAY['on time', 'late']) AS outcome;
