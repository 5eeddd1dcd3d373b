-- watermark-lag: a page view of now, and the newest minute that was written is twenty minutes old. Where jobs write
-- minutes it can't be injected.

-- unless: minutes are being written. `footfall stop page_views_per_minute` for a quarter of an hour shows it in earnest
SELECT FROM page_views_per_minute WHERE window_start > now() - INTERVAL '11 minutes' LIMIT 1;

-- as: owner, as a site is added by the owner alone
INSERT INTO sites (site, pseudonym_key) VALUES (%(site)s, decode(repeat('00', 32), 'hex'));

-- as: writer
INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path)
VALUES (%(site)s, now(), 'alert test', 'alert test', 'page', true, '/');
INSERT INTO page_views_per_minute (site, window_start, page_path, page_view_count, visitor_count)
VALUES (%(site)s, date_trunc('minute', now()) - INTERVAL '20 minutes', '/', 1, 1);
