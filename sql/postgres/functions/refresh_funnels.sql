-- refresh_funnels: recompute one of the funnels that were edited, and the visitors whose actions were written since
-- the last call; returns how many
--
-- What changed visitors had contributed is taken out of the sums, and what they contribute now is added. One edited
-- funnel a call, so that other roll-ups wait for one and not for all. With memory to sort in, since it sorts every
-- action of a site.
CREATE OR REPLACE FUNCTION refresh_funnels() RETURNS bigint
LANGUAGE plpgsql SET timezone = 'UTC' SET work_mem = '64MB' AS $$
DECLARE
  here record;
  asked funnels;
  visitors text[];
  since timestamptz[];
  counted bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('refresh_funnels'));
  IF NOT EXISTS (SELECT FROM funnel_refresh_queue) AND NOT EXISTS (SELECT FROM funnel_rebuild_queue) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE edited_funnels ON COMMIT DROP AS
  SELECT site, funnel, row_number() OVER (ORDER BY site, funnel) = 1 AS is_next FROM funnel_rebuild_queue GROUP BY site, funnel;
  DELETE FROM funnel_rebuild_queue AS c USING edited_funnels AS e WHERE c.site = e.site AND c.funnel = e.funnel AND e.is_next;
  CREATE TEMPORARY TABLE queued_actions ON COMMIT DROP AS SELECT * FROM funnel_refresh_queue WHERE false;
  WITH queued AS (DELETE FROM funnel_refresh_queue RETURNING *)
  INSERT INTO queued_actions SELECT site, visitor_id, min(event_time) FROM queued GROUP BY site, visitor_id;

  -- Nothing stays of those that wait either: they may have a person in them who is to be erased.
  DELETE FROM funnel_entries AS a USING edited_funnels AS e WHERE a.site = e.site AND a.funnel = e.funnel;
  DELETE FROM funnel_counts AS c USING edited_funnels AS e WHERE c.site = e.site AND c.funnel = e.funnel;
  DELETE FROM funnel_times AS t USING edited_funnels AS e WHERE t.site = e.site AND t.funnel = e.funnel;
  CREATE TEMPORARY TABLE new_entries ON COMMIT DROP AS SELECT * FROM funnel_entries WHERE false;
  CREATE TEMPORARY TABLE touched_entries (site text, funnel text, visitor_id text, first_day date) ON COMMIT DROP;
  FOR here IN
    SELECT f AS funnel, e.is_next IS NOT NULL AS is_edited
    FROM funnels AS f LEFT JOIN edited_funnels AS e USING (site, funnel)
    WHERE e.is_next IS NOT FALSE AND (
      SELECT count(*) > 0 AND count(*) = max(s.step) FROM funnel_steps AS s WHERE s.site = f.site AND s.funnel = f.funnel
    )
  LOOP
    asked := here.funnel;
    IF here.is_edited THEN
      visitors := NULL;
    ELSE
      -- What was done before may lead to what is queued for as long as the funnel lasts.
      SELECT array_agg(q.visitor_id), array_agg(date_trunc('day', q.event_time - asked.within, zone_of(q.site)))
      INTO visitors, since FROM queued_actions AS q WHERE q.site = asked.site;
      CONTINUE WHEN visitors IS NULL;
      INSERT INTO touched_entries
      SELECT asked.site, asked.funnel, u.visitor_id, (u.since AT TIME ZONE zone_of(asked.site))::date
      FROM unnest(visitors, since) AS u (visitor_id, since);
    END IF;
    INSERT INTO new_entries
    SELECT asked.site, asked.funnel, w.* FROM funnel_paths(asked, '-infinity', 'infinity', true, visitors, since) AS w;
    IF here.is_edited THEN
      INSERT INTO touched_entries
      SELECT DISTINCT n.site, n.funnel, n.visitor_id, '-infinity'::date FROM new_entries AS n
      WHERE n.site = asked.site AND n.funnel = asked.funnel;
    END IF;
  END LOOP;
  ANALYZE touched_entries;

  CREATE TEMPORARY TABLE funnel_changes ON COMMIT DROP AS SELECT * FROM funnel_facts(-1);
  DELETE FROM funnel_entries AS a USING touched_entries AS t
  WHERE a.site = t.site AND a.funnel = t.funnel AND a.visitor_id = t.visitor_id AND a.day >= t.first_day;
  INSERT INTO funnel_entries SELECT * FROM new_entries;
  INSERT INTO funnel_changes SELECT * FROM funnel_facts(1);

  INSERT INTO funnel_counts AS c
  SELECT site, funnel, step, day, day_before, sum(n) FROM funnel_changes
  WHERE fact = 'count' GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  ON CONFLICT (site, funnel, step, day, previous_day) DO UPDATE SET visitor_count = c.visitor_count + EXCLUDED.visitor_count;
  DELETE FROM funnel_counts WHERE visitor_count = 0;
  INSERT INTO funnel_times AS t
  SELECT site, funnel, step, day, day_before, day_after, bucket, sum(n) FROM funnel_changes
  WHERE fact = 'time' GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(n) <> 0
  ON CONFLICT (site, funnel, step, day, better_before, better_after, bucket)
  DO UPDATE SET visitor_count = t.visitor_count + EXCLUDED.visitor_count;
  DELETE FROM funnel_times WHERE visitor_count = 0;
  SELECT count(*) INTO counted FROM touched_entries;
  RETURN counted;
END
$$;
COMMENT ON FUNCTION refresh_funnels IS
  'recompute one of the funnels that were edited, and the visitors whose actions were written since the last call; returns how many';
