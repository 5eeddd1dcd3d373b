-- conversion-drop: a goal in each tenth of 1,000 visits two days ago, and in none of 500 of the last hours.

-- as: owner, as only the owner writes roll-ups
INSERT INTO traffic (site, grain, breakdown, period_start, is_bot, visit_count, page_view_count, bounce_count,
  engaged_visit_count, duration_ms, engaged_ms, goal_count)
VALUES
  (%(site)s, 'hour', 'language', date_trunc('hour', now()) - INTERVAL '2 days', false, 1000, 1000, 0, 0, 0, 0, 100),
  (%(site)s, 'hour', 'language', date_trunc('hour', now()) - INTERVAL '2 hours', false, 500, 500, 0, 0, 0, 0, 0);
