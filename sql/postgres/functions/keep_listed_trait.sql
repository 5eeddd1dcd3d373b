-- keep_listed_trait: keep a trait only where its site lists it
--
-- As the owner: the role that writes traits may not read the settings of sites.
CREATE OR REPLACE FUNCTION keep_listed_trait() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT FROM sites WHERE site = NEW.site AND NEW.trait = ANY (traits)) THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END
$$;
