-- web_vital_rows: the rows of web_vital_counts that the temporary table vital_buckets makes
CREATE OR REPLACE FUNCTION web_vital_rows() RETURNS SETOF web_vital_counts
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    SELECT
      b.site, b.breakdown, b.grain, b.day, b.page_path, b.device_type, sum(b.n) FILTER (WHERE measure = 'all')::bigint,
      CASE WHEN bool_or(measure = 'lcp') THEN ARRAY[
        array_agg(bucket ORDER BY bucket) FILTER (WHERE measure = 'lcp'),
        array_agg(b.n::integer ORDER BY bucket) FILTER (WHERE measure = 'lcp')
      ] END,
      CASE WHEN bool_or(measure = 'inp') THEN ARRAY[
        array_agg(bucket ORDER BY bucket) FILTER (WHERE measure = 'inp'),
        array_agg(b.n::integer ORDER BY bucket) FILTER (WHERE measure = 'inp')
      ] END,
      CASE WHEN bool_or(measure = 'cls') THEN ARRAY[
        array_agg(bucket ORDER BY bucket) FILTER (WHERE measure = 'cls'),
        array_agg(b.n::integer ORDER BY bucket) FILTER (WHERE measure = 'cls')
      ] END
    FROM vital_buckets AS b
    GROUP BY b.site, b.breakdown, b.grain, b.day, b.page_path, b.device_type;
END
$$;
