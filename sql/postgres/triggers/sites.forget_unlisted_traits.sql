-- sites.forget_unlisted_traits: the traits go that a site no longer lists
CREATE OR REPLACE TRIGGER forget_unlisted_traits AFTER UPDATE ON sites
FOR EACH ROW WHEN ((OLD.site, OLD.traits) IS DISTINCT FROM (NEW.site, NEW.traits)) EXECUTE FUNCTION forget_traits();
