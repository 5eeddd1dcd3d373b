-- arrivals_per_minute.enqueue_rollup_inserted: enqueue_rollup gets the rows of arrivals_per_minute that a statement
-- wrote
CREATE OR REPLACE TRIGGER enqueue_rollup_inserted AFTER INSERT ON arrivals_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('arrivals');
