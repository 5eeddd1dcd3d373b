-- funnels.enqueue_funnel: an edited funnel is recomputed
CREATE OR REPLACE TRIGGER enqueue_funnel AFTER INSERT OR UPDATE OR DELETE ON funnels
FOR EACH ROW EXECUTE FUNCTION enqueue_funnel();
