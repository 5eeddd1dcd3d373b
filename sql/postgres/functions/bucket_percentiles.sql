-- bucket_percentiles: percentile_cont at these fractions, within 1 %, of so many values in each of these buckets; a
-- bucket may be named often
--
-- As percentile_cont: of n values, the one at place 1 + fraction * (n - 1), or between the two that are next to it.
CREATE OR REPLACE FUNCTION bucket_percentiles(buckets integer[], counts bigint[], fractions double precision[])
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
GRANT EXECUTE ON FUNCTION bucket_percentiles TO footfall_reader;
