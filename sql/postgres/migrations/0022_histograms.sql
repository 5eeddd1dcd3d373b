-- Percentiles of many values from counts of few buckets, which can be added up where percentiles can't: the buckets of
-- DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019). Each is 2 % wider than the one below it, so that its middle is within
-- 1 % of every value in it, however small or large; and a percentile interpolated between such middles is within 1 % too.

-- migrate:up

-- Values without a bucket are those that are not positive: they are told as 0.
CREATE FUNCTION bucket_of(value double precision) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN value > 0 THEN ceil(ln(value) / ln(1.02::float8))::integer ELSE -100000 END
$$;
COMMENT ON FUNCTION bucket_of IS 'bucket n holds what is over 1.02 ^ (n - 1) and up to 1.02 ^ n; -100000 what is not positive';

CREATE FUNCTION value_of(bucket integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN bucket > -100000 THEN power(1.02::float8, bucket) * 2 / 2.02 ELSE 0 END
$$;
COMMENT ON FUNCTION value_of IS 'what is within 1 % of all positive values of the bucket';

-- As percentile_cont: of n values, the one at place 1 + fraction * (n - 1), or between the two that are next to it.
CREATE FUNCTION bucket_percentiles(buckets integer[], counts bigint[], fractions double precision[])
RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH added AS (
    SELECT bucket, sum(sum(n)) OVER (ORDER BY bucket) AS upto FROM unnest(buckets, counts) AS u (bucket, n)
    WHERE bucket IS NOT NULL GROUP BY bucket
  ),
  asked AS (
    SELECT n, fraction * ((SELECT max(upto) FROM added) - 1)::float8 AS place
    FROM unnest(fractions) WITH ORDINALITY AS u (fraction, n)
  )
  SELECT array_agg(lower + (place - floor(place)) * (upper - lower) ORDER BY n)
  FROM (
    SELECT
      n, place,
      value_of((SELECT min(bucket) FROM added WHERE upto > floor(place))) AS lower,
      value_of((SELECT min(bucket) FROM added WHERE upto > ceil(place))) AS upper
    FROM asked
  ) AS neighbours
$$;
COMMENT ON FUNCTION bucket_percentiles IS
  'percentile_cont at these fractions, within 1 %, of so many values in each of these buckets; a bucket may be named often';

GRANT EXECUTE ON FUNCTION bucket_of, value_of, bucket_percentiles TO footfall_reader;

-- migrate:down

DROP FUNCTION bucket_percentiles, value_of, bucket_of;
