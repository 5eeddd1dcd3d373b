-- web_vitals.enqueue_web_vitals_inserted: enqueue_web_vitals gets the rows of web_vitals that a statement wrote
CREATE OR REPLACE TRIGGER enqueue_web_vitals_inserted AFTER INSERT ON web_vitals
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_web_vitals();
