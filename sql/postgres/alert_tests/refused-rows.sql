-- refused-rows: one row of the last minutes was refused.

-- as: writer
INSERT INTO refused_rows (table_name, key_hash, refused_at, last_refused_at, site, reason, key, original)
VALUES ('sessions', sha256('alert test'), now(), now(), %(site)s, 'alert test', '{}', '{}');
