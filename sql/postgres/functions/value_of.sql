-- value_of: what is within 1 % of all positive values of the bucket
CREATE OR REPLACE FUNCTION value_of(bucket integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN bucket > -100000 THEN power(1.02::float8, bucket) * 2 / 2.02 ELSE 0 END
$$;
COMMENT ON FUNCTION value_of IS 'what is within 1 % of all positive values of the bucket';
GRANT EXECUTE ON FUNCTION value_of TO footfall_reader;
