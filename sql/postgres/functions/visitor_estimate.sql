-- visitor_estimate: distinct visitors of these days from their sketches: exact up to 4096 a day, else within twice
-- relative_error 19 times of 20
--
-- A theta sketch: below the largest hash that every day is sure to have kept, the union of the days is complete.
CREATE OR REPLACE FUNCTION visitor_estimate(site_name text, first_day date, last_day date, with_bots boolean DEFAULT false)
RETURNS TABLE (visitor_count bigint, is_exact boolean, relative_error double precision)
LANGUAGE sql STABLE AS $$
  WITH days AS (
    SELECT
      smallest_hashes, visitor_count > cardinality(smallest_hashes) AS is_cut,
      smallest_hashes[cardinality(smallest_hashes)] AS largest
    FROM visitors_per_day
    WHERE site = site_name AND day BETWEEN first_day AND last_day AND (with_bots OR NOT is_bot)
  ),
  bound AS (SELECT min(largest) AS theta FROM days WHERE is_cut),
  kept AS (
    SELECT count(DISTINCT hash) AS n FROM days CROSS JOIN LATERAL unnest(smallest_hashes) AS hash CROSS JOIN bound
    WHERE theta IS NULL OR hash < theta
  )
  SELECT
    CASE WHEN theta IS NULL THEN n ELSE round(n / (theta / 18446744073709551616.0 + 0.5)) END::bigint,
    theta IS NULL,
    CASE WHEN theta IS NULL THEN 0 ELSE 1 / sqrt(n) END
  FROM kept CROSS JOIN bound
$$;
COMMENT ON FUNCTION visitor_estimate IS
  'distinct visitors of these days from their sketches: exact up to 4096 a day, else within twice relative_error 19 times of 20';
GRANT EXECUTE ON FUNCTION visitor_estimate TO footfall_reader;
