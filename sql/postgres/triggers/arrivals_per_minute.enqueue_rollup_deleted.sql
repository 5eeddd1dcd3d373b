-- arrivals_per_minute.enqueue_rollup_deleted: enqueue_rollup gets the rows of arrivals_per_minute that a statement
-- removed
CREATE OR REPLACE TRIGGER enqueue_rollup_deleted AFTER DELETE ON arrivals_per_minute
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('arrivals');
