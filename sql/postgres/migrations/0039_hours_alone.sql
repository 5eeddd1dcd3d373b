-- What counts the hours anew read three of them for each: the one before, it, and the one after. An hour alone is enough:
-- date_trunc takes off minutes of the time as the zone's clock shows it, so what it leaves is at most an hour earlier, in
-- any zone and also on the day on which a clock changes by half an hour.

-- migrate:up

DO $$
DECLARE
  name text;
  before text;
  after text;
BEGIN
  FOREACH name IN ARRAY ARRAY['refresh_traffic', 'refresh_pages', 'refresh_counts'] LOOP
    before := pg_get_functiondef(to_regproc(name));
    -- The bounds stand in SQL, or in a text that becomes SQL, where quotes are doubled.
    after := regexp_replace(
      before, '>= c\.hour - INTERVAL ''+1 hour''+( AND [^<]*< c\.hour \+ INTERVAL ''+)2 hours', '>= c.hour\11 hour', 'g');
    IF after = before THEN
      RAISE EXCEPTION '% is not what this migration was written for', name;
    END IF;
    EXECUTE replace(
      after, 'A zone that changes its clock by half an hour has hours of half an hour and of one and a half.',
      'On the day on which a clock changes, two hours share these times.');
  END LOOP;
END
$$;

-- migrate:down

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['refresh_traffic', 'refresh_pages', 'refresh_counts'] LOOP
    EXECUTE regexp_replace(
      replace(pg_get_functiondef(to_regproc(name)),
        'On the day on which a clock changes, two hours share these times.',
        'A zone that changes its clock by half an hour has hours of half an hour and of one and a half.'),
      '(>= c\.hour)( AND [^<]*< c\.hour \+ INTERVAL (''+))1 hour', '\1 - INTERVAL \31 hour\3\22 hours', 'g');
  END LOOP;
END
$$;
