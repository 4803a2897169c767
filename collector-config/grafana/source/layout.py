"""A dashboard's grid as text: a look at it where there is no Grafana."""

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, RowPanel

CHARACTERS_A_COLUMN = 5


def all_panels(dashboard: Dashboard) -> list[Panel | RowPanel]:
    """Return rows and panels in their order, with those that collapsed rows hide."""
    found: list[Panel | RowPanel] = []
    for panel in dashboard.panels or []:
        found.append(panel)
        if isinstance(panel, RowPanel):
            found += panel.panels
    return found


def draw(dashboard: Dashboard) -> str:
    """Return one box a panel, as wide as on the screen (24 columns), with its kind and title."""
    text = [f"{dashboard.title}  ({dashboard.uid})"]
    band: list[Panel] = []
    for item in [*all_panels(dashboard), None]:
        is_new = band and (not isinstance(item, Panel) or _top(item) != _top(band[0]))
        if is_new:
            text += _boxes(band)
            band = []
        if isinstance(item, Panel):
            band.append(item)
        elif item is not None:
            text.append(f"{'>' if item.collapsed else 'v'} {item.title}")
    return "\n".join(text)


def _top(panel: Panel) -> int:
    return panel.grid_pos.y if panel.grid_pos else 0


def _boxes(band: list[Panel]) -> list[str]:
    drawn = [_box(panel) for panel in band]
    height = max(len(box) for box in drawn)
    padded = [[*box, *[" " * len(box[0])] * (height - len(box))] for box in drawn]
    return ["".join(parts) for parts in zip(*padded, strict=True)]


def _box(panel: Panel) -> list[str]:
    place = panel.grid_pos
    columns, height = (place.w, place.h) if place else (24, 4)
    width = columns * CHARACTERS_A_COLUMN - 2
    words = [panel.title or "", f"{panel.type_val}, {columns} x {height}"]
    body = [f"|{word[:width].center(width)}|" for word in [*words, *[""] * max(0, height // 3 - 1)]]
    edge = f"+{'-' * width}+"
    return [edge, *body, edge]
