-- trait_demographics: people of a month that is over by the traits that their site lists; groups under its floor are
-- one, the value NULL, or not shown
--
-- Whole months that are over, and no other choice: of two stretches of days that differ by one, or of a month that
-- goes on, the difference is what one person said.
CREATE OR REPLACE FUNCTION trait_demographics(site_name text, month date)
RETURNS TABLE (trait text, trait_value text, person_count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public AS $$
#variable_conflict use_column
DECLARE
  first_day CONSTANT date := date_trunc('month', month::timestamp)::date;
  next_month CONSTANT date := first_day + INTERVAL '1 month';
  allowed text[];
  floor_of_site bigint;
BEGIN
  IF now() < midnight_of(site_name, next_month + 1) THEN
    RAISE EXCEPTION 'traits are counted a day after a month is over: of % from % on', to_char(first_day, 'YYYY-MM'),
      next_month + 1;
  END IF;
  SELECT s.traits, s.trait_floor INTO allowed, floor_of_site FROM sites AS s WHERE s.site = site_name;
  RETURN QUERY
    WITH came AS (
      SELECT DISTINCT v.person_id FROM person_visits AS v
      WHERE v.site = site_name AND NOT v.is_bot
        AND v.session_start >= midnight_of(site_name, first_day) AND v.session_start < midnight_of(site_name, next_month)
    ),
    only_users AS (
      SELECT u.visitor_id, min(u.user_id) AS user_id FROM visitor_users AS u
      WHERE u.site = site_name GROUP BY u.visitor_id HAVING count(*) = 1
    ),
    -- Whose a trait is, as person_visits says it of a visit; of several that a person has, the latest.
    said AS (
      SELECT DISTINCT ON (p.person_id, p.trait) p.person_id, p.trait, p.trait_value
      FROM (
        SELECT t.*, coalesce(a.user_id, nullif(t.user_id, ''), u.user_id, t.visitor_id) AS person_id
        FROM user_traits AS t
        LEFT JOIN user_aliases AS a ON a.site = t.site AND a.previous_id = nullif(t.user_id, '')
        LEFT JOIN only_users AS u ON u.visitor_id = t.visitor_id
        WHERE t.site = site_name AND t.trait = ANY (allowed)
      ) AS p
      ORDER BY p.person_id, p.trait, p.event_time DESC, p.message_id COLLATE "C" DESC
    ),
    groups AS (
      SELECT s.trait, s.trait_value, count(*) AS n FROM said AS s JOIN came USING (person_id)
      WHERE s.trait_value <> '' GROUP BY s.trait, s.trait_value
    )
    SELECT g.trait, CASE WHEN g.n >= floor_of_site THEN g.trait_value END, sum(g.n)::bigint
    FROM groups AS g
    GROUP BY 1, 2
    HAVING sum(g.n) >= floor_of_site
    ORDER BY 1, 2 NULLS LAST;
END
$$;
COMMENT ON FUNCTION trait_demographics IS
  'people of a month that is over by the traits that their site lists; groups under its floor are one, the value NULL, or not shown';
GRANT EXECUTE ON FUNCTION trait_demographics TO footfall_reader;
