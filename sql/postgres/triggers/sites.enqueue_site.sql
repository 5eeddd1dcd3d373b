-- sites.enqueue_site: the roll-ups of a site with other goals or another time zone are recomputed
CREATE OR REPLACE TRIGGER enqueue_site AFTER UPDATE ON sites
FOR EACH ROW WHEN ((OLD.goals, OLD.timezone) IS DISTINCT FROM (NEW.goals, NEW.timezone)) EXECUTE FUNCTION enqueue_site();
