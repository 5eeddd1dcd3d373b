-- web_vitals.enqueue_web_vitals_updated_to: enqueue_web_vitals gets the rows of web_vitals that a statement changed,
-- as they are
CREATE OR REPLACE TRIGGER enqueue_web_vitals_updated_to AFTER UPDATE ON web_vitals
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_web_vitals();
