-- sessions.erased_are_refused: no row of somebody who was erased is written into sessions again
--
-- Off until somebody is erased, so that writers pay for it only then: `footfall person erase` turns it on, and it
-- stays as it is when this file is applied again. By its name it comes before set_bot_reason, which may enqueue the
-- visit.
CREATE OR REPLACE TRIGGER erased_are_refused BEFORE INSERT ON sessions
FOR EACH ROW EXECUTE FUNCTION refuse_erased('sessions');
ALTER TABLE sessions DISABLE TRIGGER erased_are_refused;
