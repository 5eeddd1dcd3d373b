-- site_names: the sites that were added, or have visits
CREATE OR REPLACE VIEW site_names AS
SELECT site FROM sites
UNION
SELECT site FROM visitors_per_day;
COMMENT ON VIEW site_names IS 'the sites that were added, or have visits';
GRANT SELECT ON site_names TO footfall_reader;
