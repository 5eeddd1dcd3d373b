-- jobs-not-running: a job that should run and has not for ten minutes. The maintenance process leaves this row alone.

-- as: owner, as the maintenance process writes it
INSERT INTO job_health (job, should_run, state, since, restart_count, cause, last_progress, checked_at)
VALUES (%(site)s, true, 'not running', now() - INTERVAL '10 minutes', 0, 'a test', now(), now());
