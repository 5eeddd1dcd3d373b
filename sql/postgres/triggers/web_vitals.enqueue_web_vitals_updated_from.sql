-- web_vitals.enqueue_web_vitals_updated_from: enqueue_web_vitals gets the rows of web_vitals that a statement changed,
-- as they were
CREATE OR REPLACE TRIGGER enqueue_web_vitals_updated_from AFTER UPDATE ON web_vitals
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_web_vitals();
