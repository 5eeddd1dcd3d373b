-- local_hour_of: the hour of a site's time zone in which a moment lies, and its day
CREATE OR REPLACE FUNCTION local_hour_of(site_name text, moment timestamptz)
RETURNS TABLE (zone text, hour timestamptz, day date)
LANGUAGE sql STABLE AS $$
  SELECT zone_of(site_name), date_trunc('hour', moment, zone_of(site_name)), (moment AT TIME ZONE zone_of(site_name))::date
$$;
