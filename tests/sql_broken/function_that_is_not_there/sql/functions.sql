-- The Python functions of udfs/ that SQL may call, each as one
--   CREATE TEMPORARY SYSTEM FUNCTION name AS 'udfs.flink.name' LANGUAGE PYTHON;
-- On a cluster of your own: the Python of each task manager needs udfs/ and the packages that setup.py lists for it, and
-- Flink's lib/ the jar flink-python-*.jar of its opt/.

CREATE TEMPORARY SYSTEM FUNCTION device_type AS 'udfs.flink.device_type' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION browser AS 'udfs.flink.browser' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION browser_version AS 'udfs.flink.browser_version' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION operating_system AS 'udfs.flink.operating_system' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION bot_reason AS 'udfs.flink.bot_reason' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION traffic_source AS 'udfs.flink.traffic_source' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION traffic_medium AS 'udfs.flink.traffic_medium' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION default_channel_group AS 'udfs.flink.default_channel_group' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION language_code AS 'udfs.flink.language_code' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION kind AS 'udfs.flink.devise_type' LANGUAGE PYTHON;
CREATE TEMPORARY SYSTEM FUNCTION agent AS 'udfs.user_agent.browser' LANGUAGE PYTHON;
