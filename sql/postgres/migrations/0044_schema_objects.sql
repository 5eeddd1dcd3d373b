-- Which of sql/postgres/functions, views and triggers this database has: footfall/database/objects.py.

-- migrate:up

CREATE TABLE schema_objects (
  kind text NOT NULL CHECK (kind IN ('function', 'view', 'trigger')),
  name text NOT NULL,
  file_hash text NOT NULL,
  definition_hash text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, name)
);
COMMENT ON TABLE schema_objects IS 'one row per function, view and trigger that `footfall migrate` has put into force';
COMMENT ON COLUMN schema_objects.kind IS 'function (a procedure is one too), view or trigger';
COMMENT ON COLUMN schema_objects.name IS 'its name; of a trigger, that of the table and its own, with a point between';
COMMENT ON COLUMN schema_objects.file_hash IS 'SHA-256 of the file that was applied';
COMMENT ON COLUMN schema_objects.definition_hash IS
  'SHA-256 of the definition that the catalogue had of it then: another one now was made by hand';
COMMENT ON COLUMN schema_objects.applied_at IS 'when that was';

-- A database from before has 0001 to 0043, which are 0001_baseline.sql now: `footfall migrate` has seen that it has all.
DELETE FROM schema_migrations WHERE version BETWEEN '0002' AND '0043';

-- migrate:down

-- What is made of the tables can't outlive them, and without the table nobody would know of it.
DO $$
DECLARE
  it record;
BEGIN
  FOR it IN SELECT kind, name FROM schema_objects LOOP
    CASE it.kind
      WHEN 'function' THEN EXECUTE format('DROP ROUTINE IF EXISTS %I CASCADE', it.name);
      WHEN 'view' THEN EXECUTE format('DROP VIEW IF EXISTS %I CASCADE', it.name);
      WHEN 'trigger' THEN
        EXECUTE format('DROP TRIGGER IF EXISTS %2$I ON %1$I', split_part(it.name, '.', 1), split_part(it.name, '.', 2));
    END CASE;
  END LOOP;
END
$$;
DROP TABLE schema_objects;
