-- erased_hash: the hash by which an id that was erased is known again: of a user, visitor, message or record
--
-- HMAC's construction of two rounds. Neither kind nor site can hold the character that ends them. Without FROM and
-- STRICT Postgres writes it into the query that calls it, which takes a fifth of the time of a call.
CREATE OR REPLACE FUNCTION erased_hash(key bytea, kind text, site_name text, id text) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(key || sha256(key || convert_to(kind || chr(31) || site_name || chr(31) || id, 'UTF8')))
$$;
COMMENT ON FUNCTION erased_hash IS
  'the hash by which an id that was erased is known again: of a user, visitor, message or record';
