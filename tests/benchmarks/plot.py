"""The table as pictures, for a README: ``python -m tests.benchmarks.plot TABLE.json FILE``, or ``--plot FILE``.

One of the ratios against others and their targets, and one of how cost grows. Where there are rows for both, the second
gets ``_scale`` behind its name.
"""

import argparse
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.curves import CURVES, NAME, points
from tests.benchmarks.harness import Spread
from tests.benchmarks.table import Row, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png")
_WIDTH_INCHES = 800 / 96  # of a README
_DPI = 96
_STYLE: dict[Any, Any] = {
    "font.size": 8.5,  # points: 11 pixels in a README
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.8,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
}


def picture_file(text: str) -> Path:
    """Return the path of a picture that can be drawn, for argparse.

    Raises:
        argparse.ArgumentTypeError: If the suffix is none that is known, or matplotlib is missing.
    """
    path = Path(text)
    if path.suffix not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"the file must end with {' or '.join(SUFFIXES)}, got {text!r}")
    if importlib.util.find_spec("matplotlib") is None:
        raise argparse.ArgumentTypeError("matplotlib is missing: pip install -e '.[benchmarks]'")
    return path


def write_pictures(rows: Iterable[Row], path: Path) -> list[Path]:
    """Draw what the rows have for pictures, and return the files: none, one or two."""
    import matplotlib as mpl  # noqa: PLC0415 - who draws nothing does not need it

    from tests.benchmarks.plot_curves import draw_curves  # noqa: PLC0415
    from tests.benchmarks.plot_ratios import draw_ratios  # noqa: PLC0415

    rows = list(rows)
    curves = {curve: of_it for curve in CURVES if (of_it := points(curve, rows))}
    ratios = [row for row in rows if row.ratio and row.benchmark != NAME]
    drawings: list[Callable[[], Figure]] = []
    if ratios:
        drawings.append(lambda: draw_ratios(ratios, _WIDTH_INCHES))
    if curves:
        drawings.append(lambda: draw_curves(curves, _WIDTH_INCHES))
    paths = [path, path.with_stem(f"{path.stem}_scale")][: len(drawings)]
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        for each, draw in zip(paths, drawings, strict=True):
            _save(draw(), each)
    return paths


def read_rows(table: str) -> list[Row]:
    """Return the rows of a table that was written as JSON."""
    return [_row(row) for row in json.loads(table)["rows"]]


def _row(data: dict[str, Any]) -> Row:
    spreads = {side: Spread(**data[side]) if data[side] else None for side in ("ours", "theirs", "ratio")}
    target = Target(*data["target"]) if data["target"] else None
    words = {name: data[name] for name in ("benchmark", "what", "clock", "unit", "peer")}
    return Row(**words, **spreads, target=target)  # type: ignore[arg-type]  # ours is never None


def _save(figure: "Figure", path: Path) -> None:
    """Write the same picture as the same bytes."""
    if path.suffix == ".svg":
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    else:
        figure.savefig(path, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"optimize": True})


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a table that was written before."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.plot", description=__doc__)
    parser.add_argument("table", type=Path, metavar="TABLE.json", help="what --json wrote")
    parser.add_argument("file", type=picture_file, metavar="FILE", help=f"a picture: {', '.join(SUFFIXES)}")
    options = parser.parse_args(arguments)
    for path in write_pictures(read_rows(options.table.read_text()), options.file):
        print(path)


if __name__ == "__main__":
    main()
