-- arrivals_per_minute.enqueue_rollup_updated_to: enqueue_rollup gets the rows of arrivals_per_minute that a statement
-- changed, as they are
CREATE OR REPLACE TRIGGER enqueue_rollup_updated_to AFTER UPDATE ON arrivals_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('arrivals');
