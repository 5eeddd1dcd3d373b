-- user_traits.erased_are_refused: no row of somebody who was erased is written into user_traits again
--
-- Off until somebody is erased, so that writers pay for it only then: `footfall person erase` turns it on, and it
-- stays as it is when this file is applied again.
CREATE OR REPLACE TRIGGER erased_are_refused BEFORE INSERT ON user_traits
FOR EACH ROW EXECUTE FUNCTION refuse_erased('user_traits');
ALTER TABLE user_traits DISABLE TRIGGER erased_are_refused;
