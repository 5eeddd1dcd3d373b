-- arrivals_per_minute.enqueue_rollup_updated_from: enqueue_rollup gets the rows of arrivals_per_minute that a
-- statement changed, as they were
CREATE OR REPLACE TRIGGER enqueue_rollup_updated_from AFTER UPDATE ON arrivals_per_minute
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('arrivals');
