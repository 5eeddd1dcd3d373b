-- bounce_rate: which share of so many visits are bounces: one page view and no interaction; NULL of no visits
--
-- Which visit is one, the job sessions says (is_bounce); traffic has how many.
CREATE OR REPLACE FUNCTION bounce_rate(bounce_count numeric, visit_count numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT bounce_count::float8 / nullif(visit_count, 0)::float8
$$;
COMMENT ON FUNCTION bounce_rate IS
  'which share of so many visits are bounces: one page view and no interaction; NULL of no visits';
GRANT EXECUTE ON FUNCTION bounce_rate TO footfall_reader;
