-- visit_events.erased_are_refused: no row of somebody who was erased is written into visit_events again
--
-- Off until somebody is erased, so that writers pay for it only then: `footfall person erase` turns it on, and it
-- stays as it is when this file is applied again.
CREATE OR REPLACE TRIGGER erased_are_refused BEFORE INSERT ON visit_events
FOR EACH ROW EXECUTE FUNCTION refuse_erased('visit_events');
ALTER TABLE visit_events DISABLE TRIGGER erased_are_refused;
