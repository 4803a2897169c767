"""``otel-mmlog report``: a page that says what the run was, and in which nothing can be anything but text."""

import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import otel_mmlog
from otel_mmlog.cli.main import main
from otel_mmlog.cli.reporting.gantt import KINDS
from otel_mmlog.cli.reporting.spans import read_spans
from otel_mmlog.runs.find import find_runs
from tests.runs.written import record_line, write

HOSTILE = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&--><!--"
BOTH = f"{HOSTILE}\x1b[31m\u202edrow\u2066"
SEGMENTS = "otlp/rank*/*.jsonl*"
SPOILS: list[Callable[[bytes], bytes]] = [
    lambda data: data[:-9],
    lambda data: b'{"resourceSpans":\0\xff]\n' + data,
    lambda data: data.replace(b"startTime", b"stertTime", 1),
    lambda data: data.replace(b'"spans":[{', b'"spans":7,"x":[{', 1),
]


class Page(HTMLParser):
    """The elements, attributes and texts of a page, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.ids: list[str] = []
        self._is_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_style = tag == "style"
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id" and tag == "section"]

    def handle_endtag(self, tag: str) -> None:
        self._is_style &= tag != "style"

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self.text += data


def report(*arguments: object) -> Result:
    """``otel-mmlog report ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["report", *map(str, arguments)], prog_name="otel-mmlog")


def page_of(folder: Path) -> Page:
    """The report of a folder, which can be written."""
    result = report(folder, "-o", "-")
    assert result.exit_code == 0, result.stderr
    return Page(result.stdout)


def is_harmless(page: Page) -> bool:
    """Whether a page runs nothing and asks nobody for anything."""
    foreign = [
        value for name, value in page.attributes if name in ("src", "href", "xlink:href") and value[:1] != "#"
    ]
    handlers = [name for name, _ in page.attributes if name.startswith("on")]
    loads = {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "audio",
        "video",
        "use",
        "image",
    }
    return not foreign and not handlers and not loads & set(page.tags) - {"use"}


def train(work_dir: Path, name: str = "digits", **config: object) -> Path:
    """Two epochs with a warning that differs in a number, validation, a checkpoint and two builds."""
    with otel_mmlog.init(name, work_dir=work_dir, console=False, interval=1) as run:
        run.config.update(config)
        with (
            run.span("mmlog.registry.build", {"class": "Net", "registry": "model", "module": "nets"}),
            run.span("mmlog.registry.build", {"class": "Stem", "registry": "model", "module": "nets"}),
        ):
            pass
        for epoch in run.epochs(2):
            for step in run.train(range(5)):
                run.log(loss=1 / (1 + step))
                run.logger.warning("sample %d of epoch %d is dark", step, epoch)
            for _ in run.val(range(2)):
                run.log(accuracy=0.5 + epoch / 10, count=4)
            with run.checkpoint(work_dir / "last.pt"):
                (work_dir / "last.pt").write_bytes(b"weights")
    return work_dir


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"), lr=0.05, wandb={"api_key": "hunter2"})


@pytest.fixture(scope="module")
def written(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("written") / "run.html"
    result = report(trained, "-o", output)
    assert result.exit_code == 0
    assert "run.html: " in result.stderr
    assert result.stdout == ""
    return output


def test_page_tells_the_run(written: Path) -> None:
    """Summary, pictures, life, builds, messages grouped by text, and config without secrets are on it."""
    page = Page(written.read_text(encoding="utf-8"))
    assert page.ids == ["plots", "life", "builds", "messages", "config"]
    for told in (
        "finished",
        "Best val/accuracy",
        "train/loss",
        "attempt 0",
        "all builds",
        "10 times",
        "api_key",
        "***",
    ):
        assert told in page.text
    assert "numbers differ" in page.text
    assert "hunter2" not in page.text
    assert is_harmless(page)


def test_file_is_small_and_loads_nothing(written: Path) -> None:
    """The one file has a policy that forbids scripts and network, and no address to load from."""
    html = written.read_text(encoding="utf-8")
    assert [path.name for path in written.parent.iterdir()] == ["run.html"]
    assert "default-src &#x27;none&#x27;" in html
    assert not re.search(r"url\((?!#)|@import|src=", html)
    assert len(html) < 300_000


def fail(work_dir: Path, text: str) -> None:
    """A run in which everything is called by hostile names, and that an error ends."""
    with otel_mmlog.init("x", work_dir=work_dir, console=False, interval=1) as run:
        run.config[HOSTILE] = {HOSTILE: BOTH}
        with run.span("mmlog.registry.build", {"class": HOSTILE, "registry": HOSTILE, "module": HOSTILE}):
            for _ in run.train(range(3)):
                run.log({f"loss{HOSTILE}": 1.0})
        run.logger.warning(BOTH)
        run.logger.error(text)
        raise ValueError(text)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """What looks like HTML in messages, tags, config and exceptions is shown, and is no element."""
    with pytest.raises(ValueError, match="alert"):
        fail(tmp_path, HOSTILE)
    page = page_of(tmp_path)
    assert is_harmless(page)
    assert page.text.count("<script>alert(1)</script>") >= 6
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert "\\u202e" in page.text


def test_crashed_run_says_why(tmp_path: Path) -> None:
    """A run that failed without a record has its error at the top, and its stack trace below."""
    with pytest.raises(RuntimeError), otel_mmlog.init("crash", work_dir=tmp_path, console=False):
        raise RuntimeError("no GPU left")
    page = page_of(tmp_path)
    assert page.text.count("RuntimeError: no GPU left") >= 2
    assert "failed" in page.text
    assert "Stack trace" in page.text
    assert "This run has logged no scalars." in page.text


def test_without_journal_lines_tell_the_life(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the journal has gone, attempts and epochs are drawn by the lines, and that is said."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # pictures take long
    (tmp_path / "digits.jsonl").write_bytes((trained / "digits.jsonl").read_bytes())
    page = page_of(tmp_path)
    assert "There is no journal" in page.text
    assert "epoch 2" in page.text
    assert "builds" not in page.ids


@pytest.mark.parametrize("spoil", SPOILS)
def test_damaged_lines_are_skipped(trained: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    """A journal with a torn or damaged line costs this line only, and it is counted."""
    run = find_runs(trained)[0]
    whole = read_spans(trained, run.run_id, frozenset(KINDS), 0o600)
    for path in trained.glob(SEGMENTS):
        copy = tmp_path / path.relative_to(trained)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(spoil(path.read_bytes()))
    left = read_spans(tmp_path, run.run_id, frozenset(KINDS), 0o600)
    assert (whole.skipped, left.skipped) == (0, 1)
    assert len(whole.spans) - 4 <= len(left.spans) <= len(whole.spans)
    assert len(left.spans) > 3


def test_mmengine_files_will_do(tmp_path: Path) -> None:
    """A folder that MMEngine wrote alone gives scalars, epochs, warnings, and its config without secrets."""
    start = tmp_path / "old" / "20261123_014827"
    (start / "vis_data").mkdir(parents=True)
    scalars = [
        f'{{"loss": {1 / n}, "time": 0.1, "epoch": {1 + n // 3}, "iter": {n}, "step": {n}}}\n'
        for n in range(1, 6)
    ]
    (start / "vis_data" / "scalars.json").write_text("".join(scalars))
    (start / "vis_data" / "config.py").write_text("lr = 0.1\ntracking = dict(api_key='hunter2')\n")
    head = "2026/11/23 01:48:2{} - mmengine - {} - {}\n"
    (start / "20261123_014827.log").write_text(
        head.format(7, "WARNING", "old <b>API</b>") + head.format(9, "INFO", "x")
    )
    page = page_of(tmp_path / "old")
    assert {"plots", "life", "messages", "config"} <= set(page.ids)
    assert "old <b>API</b>" in page.text
    assert "hunter2" not in page.text
    assert "MMEngine's own files" in page.text


def test_without_matplotlib_it_says_what_to_install(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page then has the numbers, and one sentence in place of the pictures."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = page_of(trained)
    assert "pip install 'otel-mmlog[plot]'" in page.text
    assert "In numbers" in page.text
    assert "figure" not in page.tags


def test_whose_values_they_are(tmp_path: Path) -> None:
    """A value that ranks have each for themselves is said to be of the first; one that is the same is not."""
    for rank, loss in enumerate((0.5, 0.25)):
        tags = [{"loss": loss}, {"accuracy": 0.75}]
        lines = [
            record_line(9, each, mode, rank=rank) for each, mode in zip(tags, ("train", "val"), strict=True)
        ]
        write(tmp_path / ("tmp_rank1.jsonl" if rank else "tmp.jsonl"), lines)
    text = " ".join(page_of(tmp_path).text.split())
    assert re.search(r"Last train/loss ?0\.5000 ?rank 0", text)
    assert re.search(r"Best val/accuracy ?0\.7500 ?highest, at epoch 1(?!, rank)", text)


def test_newest_of_several_runs_is_taken(tmp_path: Path) -> None:
    """Of several runs it is the newest, which is said, unless an id names another; a wrong id is an error."""
    for name in ("first", "second"):
        with otel_mmlog.init(name, work_dir=tmp_path / name, console=False) as run:
            run.logger.info("here")
    newest = report(tmp_path, "-o", "-")
    assert "<title>second: finished</title>" in newest.stdout
    assert "2 runs fit" in newest.stderr
    wrong = report(tmp_path, "--run", "nobody", "-o", "-")
    assert wrong.exit_code == 2
    assert "no run in" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "told"), [(["nowhere"], "does not exist"), ([".", "-o", "run.pdf"], ".html")]
)
def test_mistakes_are_one_sentence(arguments: list[str], told: str) -> None:
    """A folder that is not there and a file that is no page are errors that say what to do."""
    result = report(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
