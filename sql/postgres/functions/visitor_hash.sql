-- visitor_hash: first 64 bits of the MD5 of a visitor's id: spread evenly, and the same on every machine
CREATE OR REPLACE FUNCTION visitor_hash(visitor_id text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ('x' || left(md5(visitor_id), 16))::bit(64)::bigint
$$;
