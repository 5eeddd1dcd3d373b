-- traffic-spike: four weeks of 40 page views a minute around this hour, and 400 in each of the last minutes.

-- as: owner, as a site is added by the owner alone
INSERT INTO sites (site, pseudonym_key) VALUES (%(site)s, decode(repeat('00', 32), 'hex'));

-- as: writer
INSERT INTO page_views_per_minute (site, window_start, page_path, page_view_count, visitor_count)
SELECT %(site)s, date_trunc('minute', now()) - w * INTERVAL '7 days' + m * INTERVAL '1 minute', '/', 40, 40
FROM generate_series(1, 4) AS w, generate_series(-40, 40) AS m;
INSERT INTO page_views_per_minute (site, window_start, page_path, page_view_count, visitor_count)
SELECT %(site)s, date_trunc('minute', now()) - m * INTERVAL '1 minute', '/', 400, 400 FROM generate_series(1, 40) AS m;
-- The site is not silent: no-data stays quiet.
INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path)
VALUES (%(site)s, now(), 'alert test', 'alert test', 'page', true, '/');
