-- funnel_steps.enqueue_funnel: a funnel whose steps were edited is recomputed
CREATE OR REPLACE TRIGGER enqueue_funnel AFTER INSERT OR UPDATE OR DELETE ON funnel_steps
FOR EACH ROW EXECUTE FUNCTION enqueue_funnel();
