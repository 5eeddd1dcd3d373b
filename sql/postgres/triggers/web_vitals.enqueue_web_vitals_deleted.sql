-- web_vitals.enqueue_web_vitals_deleted: enqueue_web_vitals gets the rows of web_vitals that a statement removed
CREATE OR REPLACE TRIGGER enqueue_web_vitals_deleted AFTER DELETE ON web_vitals
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_web_vitals();
