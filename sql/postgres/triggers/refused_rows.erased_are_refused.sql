-- refused_rows.erased_are_refused: no row of somebody who was erased is written into refused_rows again
--
-- Off until somebody is erased, so that writers pay for it only then: `footfall person erase` turns it on, and it
-- stays as it is when this file is applied again.
CREATE OR REPLACE TRIGGER erased_are_refused BEFORE INSERT ON refused_rows
FOR EACH ROW EXECUTE FUNCTION refuse_erased_again();
ALTER TABLE refused_rows DISABLE TRIGGER erased_are_refused;
