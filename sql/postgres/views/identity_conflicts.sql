-- identity_conflicts: visitors with several users, such as a device that a family shares: their visits without a user
-- belong to nobody of these
CREATE OR REPLACE VIEW identity_conflicts AS
SELECT site, visitor_id, array_agg(user_id ORDER BY user_id) AS user_ids
FROM visitor_users
GROUP BY site, visitor_id
HAVING count(*) > 1;
COMMENT ON VIEW identity_conflicts IS
  'visitors with several users, such as a device that a family shares: their visits without a user belong to nobody of these';
GRANT SELECT ON identity_conflicts TO footfall_reader;
