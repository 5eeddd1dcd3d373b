-- user_traits.keep_listed_trait: only the traits that their site lists are kept
CREATE OR REPLACE TRIGGER keep_listed_trait BEFORE INSERT ON user_traits
FOR EACH ROW EXECUTE FUNCTION keep_listed_trait();
