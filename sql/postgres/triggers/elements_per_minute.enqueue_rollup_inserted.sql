-- elements_per_minute.enqueue_rollup_inserted: enqueue_rollup gets the rows of elements_per_minute that a statement
-- wrote
CREATE OR REPLACE TRIGGER enqueue_rollup_inserted AFTER INSERT ON elements_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('elements');
