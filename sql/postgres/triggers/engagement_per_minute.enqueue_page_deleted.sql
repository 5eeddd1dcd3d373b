-- engagement_per_minute.enqueue_page_deleted: enqueue_page gets the rows of engagement_per_minute that a statement
-- removed
CREATE OR REPLACE TRIGGER enqueue_page_deleted AFTER DELETE ON engagement_per_minute
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_page();
