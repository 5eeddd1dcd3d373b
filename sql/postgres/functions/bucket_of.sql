-- bucket_of: bucket n holds what is over 1.02 ^ (n - 1) and up to 1.02 ^ n; -100000 what is not positive
--
-- Percentiles of many values are computed from the counts of few buckets, which can be summed where percentiles can't:
-- the buckets of DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019). Each is 2 % wider than the one below it, so that
-- its middle is within 1 % of every value in it, however small or large; and a percentile interpolated between such
-- middles is within 1 % too. Values that are not positive have no bucket of their own: they read as 0.
CREATE OR REPLACE FUNCTION bucket_of(value double precision) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN value > 0 THEN ceil(ln(value) / ln(1.02::float8))::integer ELSE -100000 END
$$;
COMMENT ON FUNCTION bucket_of IS
  'bucket n holds what is over 1.02 ^ (n - 1) and up to 1.02 ^ n; -100000 what is not positive';
GRANT EXECUTE ON FUNCTION bucket_of TO footfall_reader;
