-- page_views_per_minute.enqueue_page_updated_to: enqueue_page gets the rows of page_views_per_minute that a statement
-- changed, as they are
CREATE OR REPLACE TRIGGER enqueue_page_updated_to AFTER UPDATE ON page_views_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_page();
