-- user_aliases: one row per id that an alias call replaced, with the user that it stands for now
--
-- After all aliases; of a ring of aliases, the smallest id in it.
CREATE OR REPLACE VIEW user_aliases AS
WITH RECURSIVE links AS (
  SELECT DISTINCT ON (site, previous_id) site, previous_id, user_id FROM visit_events
  WHERE event_type = 'alias' AND previous_id IS NOT NULL AND user_id IS NOT NULL AND previous_id <> user_id
  ORDER BY site, previous_id, event_time DESC, message_id DESC
),
walks AS (
  SELECT site, previous_id, ARRAY[previous_id, user_id] AS path, NULL::text AS again FROM links
  UNION ALL
  SELECT
    w.site, w.previous_id,
    CASE WHEN l.user_id = ANY (w.path) THEN w.path ELSE w.path || l.user_id END,
    CASE WHEN l.user_id = ANY (w.path) THEN l.user_id END
  FROM walks AS w JOIN links AS l ON l.site = w.site AND l.previous_id = w.path[cardinality(w.path)]
  WHERE w.again IS NULL
)
SELECT DISTINCT ON (site, previous_id)
  site, previous_id,
  CASE
    WHEN again IS NULL THEN path[cardinality(path)]
    ELSE (SELECT min(id) FROM unnest(path[array_position(path, again):]) AS id)
  END AS user_id
FROM walks
ORDER BY site, previous_id, again NULLS LAST, cardinality(path) DESC;
COMMENT ON VIEW user_aliases IS 'one row per id that an alias call replaced, with the user that it stands for now';
GRANT SELECT ON user_aliases TO footfall_reader;
