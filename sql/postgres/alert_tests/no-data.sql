-- no-data: 40 page views a minute in the last four weeks, and not one event since half an hour ago.

-- as: owner, as a site is added by the owner alone
INSERT INTO sites (site, pseudonym_key) VALUES (%(site)s, decode(repeat('00', 32), 'hex'));

-- as: writer
-- The minutes up to now are as ever: traffic-drop stays quiet for some minutes.
INSERT INTO page_views_per_minute (site, window_start, page_path, page_view_count, visitor_count)
SELECT %(site)s, date_trunc('minute', now()) - w * INTERVAL '7 days' + m * INTERVAL '1 minute', '/', 40, 40
FROM generate_series(0, 4) AS w, generate_series(-40, 40) AS m WHERE w > 0 OR m < 0;
