"""Write the dashboards that Grafana is provisioned with, or say where they differ from this code.

pip install 'otel-mmlog[dashboards]'
python collector-config/grafana/source            # writes collector-config/grafana/dashboards/*.json
python collector-config/grafana/source --check    # writes nothing; exit status 1 where a file differs
python collector-config/grafana/source --layout   # prints what is where
"""

import argparse
import sys
from pathlib import Path

from layout import draw
from life import life_board
from pipeline import pipeline_board
from ranks import ranks_board
from run import run_board

FOLDER = Path(__file__).parents[1] / "dashboards"


def main() -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the Grafana dashboards as JSON.")
    parser.add_argument("--check", action="store_true", help="write nothing, name the files that differ")
    parser.add_argument("--layout", action="store_true", help="print where the panels are")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the JSON files are")
    arguments = parser.parse_args()
    boards = [run_board(), ranks_board(), pipeline_board(), life_board()]
    if arguments.layout:
        print("\n\n".join(draw(board.builder.build()) for board in boards))
        return 0
    differing = [board for board in boards if _read(board.path(arguments.folder)) != board.text()]
    for board in differing:
        print(f"{'differs' if arguments.check else 'wrote'}: {board.path(arguments.folder)}")
        if not arguments.check:
            board.path(arguments.folder).write_text(board.text(), encoding="utf-8")
    return 1 if arguments.check and differing else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
