"""``otel-mmlog run``: a script runs as with plain python, with the integration on."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_mmlog.cli.main import main
from otel_mmlog.cli.run import interpreter_flags
from tests.processes import TIMEOUT_S, environment

RUN = ("-m", "otel_mmlog", "run")
REPORT = """
import sys
print(__name__, __file__, __spec__ and __spec__.name, __package__, __cached__ is None, type(__loader__))
print(sys.argv, sys.path[0], __builtins__, sys.modules["__main__"].__file__)
"""


def python(*arguments: str, cwd: Path, stdin: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of an interpreter."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def run(*arguments: str, cwd: Path, flags: Sequence[str] = (), stdin: str = "") -> tuple[int, str, str]:
    """What ``python -m otel_mmlog run ARGUMENTS`` ends with."""
    return python(*flags, *RUN, *arguments, cwd=cwd, stdin=stdin)


def write(folder: Path, source: str, name: str = "train.py") -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return name


SOURCES = {
    "names": REPORT,
    "stdin": "import sys; print(sys.stdin.read().upper())",
    "exit code": "import sys; print('out'); sys.exit(3)",
    "exit message": "raise SystemExit('no data')",
    "hard exit": "import os; os._exit(4)",
    "error": "def f():\n    1 / 0\ntry:\n    f()\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e\n",
    "own hook": "import sys\nsys.excepthook = lambda k, v, t: print(k, v, t.tb_lineno, t.tb_next)\n1 / 0\n",
    "bad syntax": "def f(:\n    pass\n",
    "not utf-8": "# -*- coding: latin-1 -*-\nx: int = 1\nprint(ascii('é'), __annotations__)\n",
    "interrupt": "raise KeyboardInterrupt",
    "killed": "import os; os.kill(os.getpid(), 15)",
    "late main": (
        "import atexit, sys, threading, time\n"
        "def late(): print(sys.modules['__main__'].late is late)\n"
        "atexit.register(late)\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), late())).start()\n"
    ),
    "spawn": (
        "import multiprocessing, pickle\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "def double(point): return Point(2 * point.x)\n"
        "print('imported as', __name__)\n"
        "if __name__ == '__main__':\n"
        "    print(type(pickle.loads(pickle.dumps(Point(1)))) is Point, flush=True)\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(double, [Point(4)]).x)\n"
    ),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_script_as_with_python(tmp_path: Path, source: str) -> None:
    """Output, errors, tracebacks and exit codes are those of ``python SCRIPT``."""
    encoding = "latin-1" if "latin-1" in source else "utf-8"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "train.py").write_bytes(source.encode(encoding))
    arguments = ("tools/train.py", "cfg.py", "--help", "-m", "--", "--version", "")
    expected = python(*arguments, cwd=tmp_path, stdin="data")
    assert run(*arguments, cwd=tmp_path, stdin="data") == expected
    assert expected[1:] != ("", "") or expected[0] != 0


@pytest.mark.parametrize("name", ["jobs.train", "jobs", "jobs.absent", "absent", "train", "jobs.broken"])
def test_module_as_with_python(tmp_path: Path, name: str) -> None:
    """The same with -m: for a module, a package with a ``__main__``, and what is not there."""
    for path in ("jobs/train.py", "jobs/__main__.py", "train.py"):
        write(tmp_path, REPORT, path)
    write(tmp_path, "", "jobs/__init__.py")
    write(tmp_path, "1 / 0", "jobs/broken.py")
    expected = python("-m", name, "-h", cwd=tmp_path)
    found = run("-m", name, "-h", cwd=tmp_path)
    assert found[:2] == expected[:2]
    assert found[2].splitlines()[-1:] == expected[2].splitlines()[-1:]


def test_missing_import_of_a_module(tmp_path: Path) -> None:
    """What the package itself fails to import is not taken for a missing package."""
    write(tmp_path, "import absent", "jobs/__init__.py")
    write(tmp_path, "", "jobs/train.py")
    code, _, errors = run("-m", "jobs.train", cwd=tmp_path)
    assert code == 1
    assert errors.endswith("ModuleNotFoundError: No module named 'absent'\n")


def test_link_to_a_script(tmp_path: Path) -> None:
    """Through a link, modules are found beside the script itself."""
    write(tmp_path, "import helper", "tools/train.py")
    write(tmp_path, "print('helped')", "tools/helper.py")
    (tmp_path / "link.py").symlink_to("tools/train.py")
    assert run("link.py", cwd=tmp_path) == (0, "helped\n", "")


@pytest.mark.parametrize(
    "flags",
    [["-u"], ["-W", "error", "-W", "ignore::ResourceWarning"], ["-OO", "-Xdev"], ["-I"], ["-bb", "-Xutf8=1"]],
)
def test_options_of_the_interpreter(tmp_path: Path, flags: list[str]) -> None:
    """What is given to python before -m reaches the script's interpreter."""
    source = (
        "import sys; print(sys.flags, sys.warnoptions, sys._xoptions, sys.stdout.write_through, sys.path[0])"
    )
    script = write(tmp_path, source)
    expected = python(*flags, script, cwd=tmp_path)
    assert expected[0] == 0
    assert run(script, cwd=tmp_path, flags=flags) == expected


@pytest.mark.parametrize(
    ("original", "arguments", "flags"),
    [
        (["python", "/bin/otel-mmlog", "run", "a"], ["/bin/otel-mmlog", "run", "a"], []),
        (["python", "-u", "/bin/otel-mmlog", "run", "-m"], ["/bin/otel-mmlog", "run", "-m"], ["-u"]),
        (["python", "-u", "-m", "otel_mmlog", "run"], ["/p/__main__.py", "run"], ["-u"]),
        (["python", "-um", "otel_mmlog", "run"], ["/p/__main__.py", "run"], ["-u"]),
        (["python", "-umotel_mmlog", "run"], ["/p/__main__.py", "run"], ["-u"]),
        (["python", "-motel_mmlog", "run"], ["/p/__main__.py", "run"], []),
        (["python", "-W", "error", "-X", "dev", "-m", "otel_mmlog"], ["/p"], ["-W", "error", "-X", "dev"]),
        (["python", "-E", "-c", "main()", "run"], ["-c", "run"], ["-E"]),
        (
            ["python", "/bin/coverage", "run", "-m", "otel_mmlog", "run"],
            ["/p", "run"],
            ["/bin/coverage", "run"],
        ),
    ],
)
def test_interpreter_flags(original: list[str], arguments: list[str], flags: list[str]) -> None:
    """However the program was started, what stood before it is told apart."""
    assert interpreter_flags(original, arguments) == flags


def test_integration_is_on_and_light(tmp_path: Path) -> None:
    """The integration is on, and the process has loaded neither a framework nor the command line's library."""
    source = (
        "import sys\n"
        "print([name for name in ('torch', 'mmengine', 'click', 'rich') if name in sys.modules])\n"
        "from otel_mmlog.integrations.mmengine import MMEngineInstrumentor\n"
        "print(MMEngineInstrumentor().is_instrumented_by_opentelemetry)\n"
    )
    script = write(tmp_path, source)
    assert run(script, cwd=tmp_path) == (0, "[]\nTrue\n", "")
    assert python(script, cwd=tmp_path) == (0, "[]\nFalse\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.py"]


def test_process_stays(tmp_path: Path) -> None:
    """The script runs in the very process that was started, and Ctrl-C reaches it."""
    script = write(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    with subprocess.Popen(
        [sys.executable, *RUN, script],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == -signal.SIGINT


def mistake(*arguments: str) -> str:
    """What is said to a command line that cannot be used."""
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def test_wrong_scripts(tmp_path: Path) -> None:
    """A script that is not there, and a folder, are told apart before anything starts."""
    absent = mistake(str(tmp_path / "train.py"), "cfg.py")
    assert f"'{tmp_path}/train.py' cannot be read: No such file or directory. Give the path" in absent
    assert "is a folder" in mistake(str(tmp_path))
    assert "cannot be read" in mistake("a\0b")
    assert "Missing argument 'SCRIPT'" in mistake()
    assert "No such option" in mistake("--fast", "train.py")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    """Help has an example of each way to start, in lines that fit a terminal."""
    result = CliRunner().invoke(main, ["run", option])
    assert result.exit_code == 0
    for example in (
        "otel-mmlog run tools/train.py",
        "run -m mypackage.train",
        "torchrun --nproc_per_node 8 -m otel_mmlog",
    ):
        assert example in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
