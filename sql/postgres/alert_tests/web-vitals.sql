-- web-vitals: a largest paint after 2 seconds on 50 page views of this day, and after 6 on 100 of the last quarter of
-- an hour.

-- as: writer
INSERT INTO web_vitals (site, event_time, message_id, page_path, device_type, lcp_ms, inp_ms, cls)
SELECT %(site)s, now() - INTERVAL '5 hours' - n * INTERVAL '10 seconds', 'alert test ' || n, '/', 'desktop', 2000, 80, 0
FROM generate_series(1, 50) AS n;
INSERT INTO web_vitals (site, event_time, message_id, page_path, device_type, lcp_ms, inp_ms, cls)
SELECT %(site)s, now() - n * INTERVAL '9 seconds', 'alert test ' || n, '/', 'desktop', 6000, 80, 0
FROM generate_series(1, 100) AS n;
