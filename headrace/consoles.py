"""Consoles on which texts of visitors, logs and engines are shown, but have no effect on the terminal."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from startup.visible import visible, visible_json, visible_lines


class SafeConsole(Console):
    """Console that writes visible characters, and no control characters but its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, with control characters in texts escaped."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible_lines(segment.text), segment.style)

    def out(self, *objects: Any, **options: Any) -> None:
        """Write JSON, one object per line, with control characters in its strings escaped."""
        super().out(*(visible_json(str(one)) for one in objects), **options)


def cell(value: object) -> Text:
    """Return a value of a table as one line of text, without markup and emoji codes."""
    return Text("" if value is None else visible(str(value)))
