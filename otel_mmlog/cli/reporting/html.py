"""HTML in which nothing that was read from a file can be anything but text."""

import html
from typing import Final

from otel_mmlog.core.escape import escape

_VOID: Final = frozenset({"meta", "path", "line"})


class Html(str):
    """Text that is HTML already; any other text is escaped before it becomes part of a page."""

    __slots__ = ()


Part = str | int | None
"""What an element can hold: HTML, text, a number, or None for nothing."""


def text(value: str | int, *, most: int | None = None) -> Html:
    """Return a text as HTML, control characters and what is invisible spelt out; its line ends stay.

    Args:
        value: The text.
        most: How many characters of it are shown; None for all.
    """
    if isinstance(value, Html):
        return value
    shown = f"{value:,}" if isinstance(value, int) else cut(value, most)
    return Html(html.escape("\n".join(map(escape, shown.split("\n")))))


def cut(value: str, most: int | None) -> str:
    """Return a text that is not longer than so many characters, with ``...`` where something is left out."""
    return value if most is None or len(value) <= most else f"{value[: most - 3]}..."


def join(*parts: Part) -> Html:
    """Return parts one behind the other."""
    return Html("".join(text(part) for part in parts if part is not None))


def tag(name: str, /, *parts: Part, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        name: Of the element.
        parts: What is in it.
        attributes: Their values are escaped; None leaves one out. ``class_`` is ``class``, ``font_size`` is
            ``font-size``.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{told}/>")
    return Html(f"<{name}{told}>{join(*parts)}</{name}>")


def table(head: tuple[Part, ...], rows: list[tuple[Part, ...]], *, numbers: tuple[int, ...] = ()) -> Html:
    """Return a table in a box that scrolls by itself where it is too wide.

    Args:
        head: Headings.
        rows: As many cells each.
        numbers: The columns that stand on the right.
    """

    def row(cells: tuple[Part, ...], kind: str) -> Html:
        return tag(
            "tr",
            *(tag(kind, cell, class_="n" if at in numbers else None) for at, cell in enumerate(cells)),
        )

    body = tag("tbody", *(row(cells, "td") for cells in rows))
    return tag("div", tag("table", tag("thead", row(head, "th")), body), class_="scroll", tabindex="0")


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return html.escape(escape(value.replace("\n", " ")))
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
