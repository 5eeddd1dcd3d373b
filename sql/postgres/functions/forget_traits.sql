-- forget_traits: delete the traits that a site no longer lists, or that are of a site that is gone
CREATE OR REPLACE FUNCTION forget_traits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  DELETE FROM user_traits
  WHERE site = OLD.site AND (TG_OP = 'DELETE' OR NEW.site <> OLD.site OR trait <> ALL (NEW.traits));
  RETURN NULL;
END
$$;
