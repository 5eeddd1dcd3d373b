-- web_vitals.erased_are_refused: no row of somebody who was erased is written into web_vitals again
--
-- Off until somebody is erased, so that writers pay for it only then: `footfall person erase` turns it on, and it
-- stays as it is when this file is applied again.
CREATE OR REPLACE TRIGGER erased_are_refused BEFORE INSERT ON web_vitals
FOR EACH ROW EXECUTE FUNCTION refuse_erased('web_vitals');
ALTER TABLE web_vitals DISABLE TRIGGER erased_are_refused;
