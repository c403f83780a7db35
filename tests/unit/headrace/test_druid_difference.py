"""The difference between the wanted configuration and Druid's."""

from typing import Any

import pytest

from headrace.druid.difference import Difference, differences


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1, "default": 2}, {"a": 1}),
        ("PT3600S", "PT1H"),
        ("PT0.500S", "PT0.5S"),
        ("PT86400S", "P1D"),
        ({"type": "none"}, "NONE"),
        ([{"name": "b", "more": 1}, {"name": "a"}, {"name": "old"}], [{"name": "a"}, {"name": "b"}]),
        ([{"type": "loadForever", "more": True}], [{"type": "loadForever"}]),
        ("P13M", "P13M"),
    ],
)
def test_values_that_druid_adds_or_normalizes_are_not_a_difference(old: Any, new: Any) -> None:
    assert list(differences(old, new, "x")) == []


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, Difference("x/a/b", 1, 2)),
        ({}, {"a": 1}, Difference("x/a", None, 1)),
        ({"a": 0}, {"a": False}, Difference("x/a", 0, False)),
        ("PT3600S", "PT1M", Difference("x", "PT3600S", "PT1M")),
        ("PT3600S", "1 hour", Difference("x", "PT3600S", "1 hour")),
        ("P1M", "PT1M", Difference("x", "P1M", "PT1M")),
        ("P", "PT", Difference("x", "P", "PT")),
        ({"type": "hour"}, "NONE", Difference("x", {"type": "hour"}, "NONE")),
        ("topic", "Topic", Difference("x", "topic", "Topic")),
        ([{"name": "a"}], [{"name": "a"}, {"name": "b"}], Difference("x/b", None, {"name": "b"})),
        ([{"name": "a", "type": "long"}], [{"name": "a", "type": "json"}], Difference("x/a/type", "long", "json")),
        ([{"type": "a"}], [{"type": "b"}], Difference("x/0/type", "a", "b")),
        ([{"type": "a"}], [], Difference("x", [{"type": "a"}], [])),
    ],
)
def test_a_difference_has_its_path_and_both_values(old: Any, new: Any, difference: Difference) -> None:
    assert list(differences(old, new, "x")) == [difference]


def test_secrets_of_the_broker_are_not_shown() -> None:
    path = "supervisor/spec/ioConfig/consumerProperties/sasl.jaas.config"
    assert Difference(path, "old", "new").shown() == {"path": path, "old": "***", "new": "***"}
    assert Difference(path, None, "new").shown() == {"path": path, "old": None, "new": "***"}
    assert Difference("supervisor/spec/ioConfig/topic", "old", "new").shown()["new"] == "new"
