"""A picture as one HTML file that needs no network: the SVG, and its numbers as a table."""

import html
from collections.abc import Iterator

from otel_mmlog.plots.chart import Chart
from otel_mmlog.plots.summary import rows_of

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto; max-width: 68rem;
  padding: 0 1rem; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; margin-top: 1.5rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #e4e4e4; }}
td.number, th.number {{ text-align: right; }}
@media print {{ body {{ margin: 0; max-width: none; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
{svg}
<table>
{rows}
</table>
</body>
</html>
"""


def page(chart: Chart, svg: str) -> str:
    """Return a page.

    Args:
        chart: The chart.
        svg: Its picture, as matplotlib writes it.
    """
    title = chart.title or ", ".join(panel.name for panel in chart.panels[:3])
    return _PAGE.format(title=html.escape(title), svg=svg[svg.index("<svg") :], rows="\n".join(_rows(chart)))


def _rows(chart: Chart) -> Iterator[str]:
    for at, row in enumerate(rows_of(chart)):
        tag = "td" if at else "th"
        cells = (
            f"<{tag}{'' if column < 2 else chr(32) + 'class=number'}>{html.escape(cell)}</{tag}>"
            for column, cell in enumerate(row)
        )
        yield f"<tr>{''.join(cells)}</tr>"
