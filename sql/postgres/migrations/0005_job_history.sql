-- What was done to the jobs, by whom, and with which SQL: what `footfall plan`, `upgrade`, `rollback` and `history` read.

-- migrate:up

CREATE TABLE job_versions (
  version text PRIMARY KEY,
  job text NOT NULL,
  files jsonb NOT NULL
);
COMMENT ON TABLE job_versions IS 'one row per text of a job: its file and every table and view below it';
COMMENT ON COLUMN job_versions.version IS 'SHA-256 of the files';
COMMENT ON COLUMN job_versions.job IS 'file in sql/jobs';
COMMENT ON COLUMN job_versions.files IS 'path below sql/ to text; ${NAME} as it stands there: it holds no secret';

CREATE TABLE job_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job text NOT NULL,
  action text NOT NULL CHECK (action IN ('submit', 'stop', 'upgrade', 'rollback', 'failed')),
  happened_at timestamptz NOT NULL DEFAULT now(),
  who text NOT NULL,
  version text NOT NULL REFERENCES job_versions,
  flink_job_id text,
  parallelism integer,
  savepoint text,
  savepoint_removed_at timestamptz,
  plan json,
  note text NOT NULL DEFAULT ''
);
CREATE INDEX ON job_history (job, id);
COMMENT ON TABLE job_history IS 'one row per thing that was done to a job';
COMMENT ON COLUMN job_history.job IS 'job that it was done to';
COMMENT ON COLUMN job_history.action IS 'submit, stop, upgrade or rollback; failed where one of them did not come to its end';
COMMENT ON COLUMN job_history.happened_at IS 'when it was done';
COMMENT ON COLUMN job_history.who IS 'user of the operating system who did it';
COMMENT ON COLUMN job_history.version IS 'SQL that the job had afterwards; for a stop, before';
COMMENT ON COLUMN job_history.flink_job_id IS 'job of the cluster that was started or, by a stop, ended';
COMMENT ON COLUMN job_history.parallelism IS 'parallelism that it was started with';
COMMENT ON COLUMN job_history.savepoint IS 'where it started from, or by a stop, where its state is kept; NULL is the start of the topic';
COMMENT ON COLUMN job_history.savepoint_removed_at IS 'when the savepoint was removed for its age';
COMMENT ON COLUMN job_history.plan IS 'plan that Flink compiled of the SQL when it was submitted; json, since jsonb takes no U+0000';
COMMENT ON COLUMN job_history.note IS 'in words';
GRANT SELECT ON job_history, job_versions TO footfall_reader;

-- migrate:down

DROP TABLE job_history, job_versions;
