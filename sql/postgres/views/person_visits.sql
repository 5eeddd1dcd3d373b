-- person_visits: visits with the person behind them: the user of the visit, else the only user that this visitor ever
-- was, else the visitor
CREATE OR REPLACE VIEW person_visits AS
SELECT
  p.site, p.session_id, p.session_start, p.session_end, p.visitor_id, p.local_day, p.person_id, p.is_bot,
  row_number() OVER (PARTITION BY site, person_id ORDER BY session_start, session_id) = 1 AS is_first_visit
FROM (
  SELECT
    s.site, s.session_id, s.session_start, s.session_end, s.visitor_id,
    (s.session_start AT TIME ZONE zone_of(s.site))::date AS local_day,
    coalesce(a.user_id, s.user_id, u.user_id, s.visitor_id) AS person_id,
    s.is_bot
  FROM sessions AS s
  LEFT JOIN user_aliases AS a ON a.site = s.site AND a.previous_id = s.user_id
  LEFT JOIN (
    SELECT site, visitor_id, min(user_id) AS user_id FROM visitor_users GROUP BY site, visitor_id HAVING count(*) = 1
  ) AS u ON u.site = s.site AND u.visitor_id = s.visitor_id
) AS p;
COMMENT ON VIEW person_visits IS
  'visits with the person behind them: the user of the visit, else the only user that this visitor ever was, else the visitor';
GRANT SELECT ON person_visits TO footfall_reader;
