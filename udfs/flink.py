"""The functions of this folder as Flink's: sql/functions.sql gives them their names in SQL."""

from __future__ import annotations

from pyflink.table import DataTypes
from pyflink.table.udf import udf

from udfs import bots, channels, languages, user_agents

_TEXT = DataTypes.STRING()

device_type = udf(user_agents.device_type, result_type=_TEXT)
browser = udf(user_agents.browser, result_type=_TEXT)
browser_version = udf(user_agents.browser_version, result_type=_TEXT)
operating_system = udf(user_agents.operating_system, result_type=_TEXT)
bot_reason = udf(bots.bot_reason, result_type=_TEXT)
traffic_source = udf(channels.traffic_source, result_type=_TEXT)
traffic_medium = udf(channels.traffic_medium, result_type=_TEXT)
default_channel_group = udf(channels.default_channel_group, result_type=_TEXT)
language_code = udf(languages.language_code, result_type=_TEXT)
