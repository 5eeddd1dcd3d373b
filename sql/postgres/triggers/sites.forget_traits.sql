-- sites.forget_traits: the traits of a site go with the site
CREATE OR REPLACE TRIGGER forget_traits AFTER DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION forget_traits();
