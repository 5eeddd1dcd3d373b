"""Which JVMs are lightly compiled: those that live for seconds, and no server."""

from __future__ import annotations

import pytest

from footfall.settings import load_settings
from footfall.stack import flink
from footfall.stack.java import QUICK, quick_jvm


def test_what_plans_and_submits_is_quick_and_a_task_manager_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JVM_ARGS", "-Da=b")
    quick_jvm()
    quick_jvm()
    settings = load_settings()
    assert flink.client_environment(settings)["JVM_ARGS"].split().count("-XX:+UseSerialGC") >= 1
    assert flink.client_environment(settings)["JVM_ARGS"].endswith("-Da=b")
    assert "JVM_ARGS" not in flink.environment(settings)
    monkeypatch.delenv("JVM_ARGS")
    assert flink.client_environment(settings)["JVM_ARGS"].strip() == QUICK
