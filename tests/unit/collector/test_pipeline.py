"""The steps of an event of a batch."""

import ast
import inspect
import textwrap

from collector import pipeline


def test_every_event_takes_the_listed_steps_in_order() -> None:
    method = ast.parse(textwrap.dedent(inspect.getsource(pipeline.Pipeline._process)))
    calls = [node.func for node in ast.walk(method) if isinstance(node, ast.Call)]
    called = [
        (call.lineno, call.id if isinstance(call, ast.Name) else call.attr) for call in calls if isinstance(call, ast.Name | ast.Attribute)
    ]
    steps = [name.lstrip("_") for _, name in sorted(called)]
    assert [name for name in steps if name in pipeline.STEPS] == list(pipeline.STEPS)
