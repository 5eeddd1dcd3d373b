-- attributed_conversions: one row per model and conversion whose visit has ended: the visit of the 30 days up to it
-- that gets the credit
CREATE OR REPLACE VIEW attributed_conversions AS
SELECT
  c.site, c.goal, c.event_time, c.message_id, c.visitor_id, m.model, t.channel, t.source, t.medium, t.utm_campaign,
  c.revenue, c.currency
FROM conversions AS c
CROSS JOIN (VALUES ('first touch'), ('last touch'), ('last non-direct')) AS m (model)
LEFT JOIN LATERAL (
  SELECT s.channel, s.source, s.medium, s.utm_campaign FROM sessions AS s
  WHERE s.site = c.site AND s.visitor_id = c.visitor_id
    AND s.session_start <= c.event_time AND s.session_start > c.event_time - INTERVAL '30 days'
  ORDER BY
    m.model = 'last non-direct' AND s.channel = 'Direct',
    CASE m.model WHEN 'first touch' THEN s.session_start END,
    s.session_start DESC
  LIMIT 1
) AS t ON true
WHERE c.session_id IS NOT NULL;
COMMENT ON VIEW attributed_conversions IS
  'one row per model and conversion whose visit has ended: the visit of the 30 days up to it that gets the credit';
GRANT SELECT ON attributed_conversions TO footfall_reader;
