"""The terminal as all commands write to it: whatever a visitor, a log or an engine wrote is shown, and does nothing there."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from startup.visible import visible, visible_json, visible_lines


class SafeConsole(Console):
    """Writes what can be seen, and no control characters but its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does; texts without what would act on the terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible_lines(segment.text), segment.style)

    def out(self, *objects: Any, **options: Any) -> None:
        """Write JSON, a line each, that means what it did."""
        super().out(*(visible_json(str(one)) for one in objects), **options)


def cell(value: object) -> Text:
    """Return a value of a table as text: no markup, no emoji by name, one line."""
    return Text("" if value is None else visible(str(value)))
