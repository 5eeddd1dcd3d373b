-- engagement_per_minute.enqueue_page_inserted: enqueue_page gets the rows of engagement_per_minute that a statement
-- wrote
CREATE OR REPLACE TRIGGER enqueue_page_inserted AFTER INSERT ON engagement_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_page();
