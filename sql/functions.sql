-- The functions that SQL may call besides Flink's own: those of udfs/ in Python, and of flink/ in Java, each as one of
--   CREATE TEMPORARY SYSTEM FUNCTION name AS 'udfs.flink.name' LANGUAGE PYTHON;
--   CREATE TEMPORARY SYSTEM FUNCTION name AS 'footfall.flink.Name' LANGUAGE JAVA;
-- On a cluster of your own: the Python of each task manager needs udfs/ and the packages that setup.py lists for it, and
-- Flink's lib/ the jar flink-python-*.jar of its opt/ and footfall-flink.jar (`mvn -f flink/pom.xml package`).

-- What a sender wrote goes through these two before anything else is made of it.
-- clean_text(text, bytes): what Postgres can hold, cut to so many bytes of UTF-8 at a character's end.
CREATE TEMPORARY SYSTEM FUNCTION clean_text AS 'footfall.flink.CleanText' LANGUAGE JAVA;
-- decimal_of(text): the number that it is as DECIMAL(38, 9), NULL where it is none. A CAST of 1e100000000 takes minutes.
CREATE TEMPORARY SYSTEM FUNCTION decimal_of AS 'footfall.flink.DecimalOf' LANGUAGE JAVA;
-- visits(input, …): the events of each visit, told when it is over: sql/jobs/sessions.sql shows how it is called.
CREATE TEMPORARY SYSTEM FUNCTION visits AS 'footfall.flink.visits.Visits' LANGUAGE JAVA;

CREATE TEMPORARY SYSTEM FUNCTION device_type AS 'udfs.flink.device_type' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION browser AS 'udfs.flink.browser' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION browser_version AS 'udfs.flink.browser_version' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION operating_system AS 'udfs.flink.operating_system' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION bot_reason AS 'udfs.flink.bot_reason' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION traffic_source AS 'udfs.flink.traffic_source' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION traffic_medium AS 'udfs.flink.traffic_medium' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION default_channel_group AS 'udfs.flink.default_channel_group' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION language_code AS 'udfs.flink.language_code' LANGUAGE PYTHON;
