-- sites.enqueue_added_site: the roll-ups of a site that was added or removed are recomputed
CREATE OR REPLACE TRIGGER enqueue_added_site AFTER INSERT OR DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION enqueue_site();
