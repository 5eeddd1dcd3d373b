-- rejected_events.erased_are_refused: no row of somebody who was erased is written into rejected_events again
--
-- Off until somebody is erased, so that writers pay for it only then: `footfall person erase` turns it on, and it
-- stays as it is when this file is applied again.
CREATE OR REPLACE TRIGGER erased_are_refused BEFORE INSERT ON rejected_events
FOR EACH ROW EXECUTE FUNCTION refuse_erased('rejected_events');
ALTER TABLE rejected_events DISABLE TRIGGER erased_are_refused;
