"""The run id: who gives it, who wins, and that ranks agree on it."""

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.rank import Rank
from otel_mmlog.core.run_id import ProcessFacts, RunId, check_run_id, find_run_id

ALONE = Rank(0, 0, 1, 1, "node1", "alone")
FACTS = ProcessFacts(boot="boot", self_key="10@5", parent_key="9@4")
SLURM = {"SLURM_JOB_ID": "77", "SLURM_STEP_ID": "2"}


def rank(number: int, *, world_size: int = 4, local: int = 4, host: str = "node1") -> Rank:
    return Rank(number, number % local, world_size, local, host, "environment")


def chosen(
    environ: dict[str, str] | None = None,
    place: Rank = ALONE,
    facts: ProcessFacts = FACTS,
    *,
    work_dir: str = "work",
    argument: str | None = None,
    remembered: str | None = None,
    agreed: str | None = None,
) -> RunId:
    return find_run_id(
        environ or {},
        rank=place,
        facts=facts,
        work_dir=work_dir,
        argument=argument,
        remembered=remembered,
        agreed=agreed,
    )


def test_order_of_sources() -> None:
    """Argument, own variable, work_dir, torchrun, Slurm: the first that is there wins."""
    environ = {**SLURM, "TORCHELASTIC_RUN_ID": "elastic", "OTEL_MMLOG_RUN_ID": "own"}
    assert chosen(environ, argument="told", remembered="old") == RunId("told", "argument")
    assert chosen(environ, remembered="old") == RunId("own", "OTEL_MMLOG_RUN_ID")
    del environ["OTEL_MMLOG_RUN_ID"]
    assert chosen(environ, remembered="old") == RunId("old", "work_dir")
    assert chosen(environ) == RunId("elastic", "TORCHELASTIC_RUN_ID")
    del environ["TORCHELASTIC_RUN_ID"]
    assert chosen(environ, Rank(1, 1, 4, 4, "node1", "slurm")) == RunId("77.2", "SLURM_JOB_ID")


def test_none_of_torchelastic_is_no_id() -> None:
    """``none`` is what every static rendezvous is called: two jobs must not share it."""
    environ = {"TORCHELASTIC_RUN_ID": "none"}
    assert chosen(environ, rank(0)).source == "parent process"
    assert chosen({**environ, **SLURM}, rank(0)).source == "parent process"


def test_slurm_job_without_step_gives_no_id() -> None:
    """A batch script may start several trainings: its job id alone names none of them."""
    assert chosen({"SLURM_JOB_ID": "77"}).source == "process"


def test_launcher_id_that_could_not_be_one_is_hashed() -> None:
    """An id with spaces, or a very long one, still names the run: by its digest."""
    first, second = (chosen({"TORCHELASTIC_RUN_ID": name}).value for name in ("my job", "x" * 500))
    assert check_run_id(first, "id") != check_run_id(second, "id")


def test_two_single_processes_differ() -> None:
    """Two processes on one machine have two ids, even with one parent and one pid used twice."""
    ids = {
        chosen(facts=FACTS).value,
        chosen(facts=FACTS._replace(self_key="11@5")).value,
        chosen(facts=FACTS._replace(self_key="10@6")).value,
        chosen(facts=FACTS._replace(boot="other")).value,
        chosen(place=Rank(0, 0, 1, 1, "node2", "alone")).value,
    }
    assert len(ids) == 5


def test_ranks_of_one_machine_agree() -> None:
    """Ranks with one parent have one id; another start of the job, with another parent, another."""
    ids = {chosen(place=rank(n), facts=FACTS._replace(self_key=f"{n}@1")).value for n in range(4)}
    assert len(ids) == 1
    assert chosen(place=rank(0), facts=FACTS._replace(parent_key="12@9")).value not in ids
    assert all(chosen(place=rank(n)).warning is None for n in range(4))


def test_two_jobs_of_one_shell_differ_by_port_or_folder() -> None:
    """Hand-started ranks have the shell as parent: another port or work_dir makes another run."""
    environ = {"MASTER_PORT": "29500"}
    ids = {
        chosen(environ, rank(0)).value,
        chosen({"MASTER_PORT": "29501"}, rank(0)).value,
        chosen(environ, rank(0), work_dir="b").value,
    }
    assert len(ids) == 3


def test_a_single_process_in_a_slurm_step_is_not_the_step() -> None:
    """Several trainings can be started in one interactive step: none of them is named by it."""
    assert chosen(SLURM, Rank(0, 0, 1, 1, "node1", "slurm")).source == "process"


def test_several_machines_agree_and_are_warned() -> None:
    """Without a launcher's id several machines derive one from the master, and say that it is a guess."""
    environ = {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
    places = [rank(n, world_size=16, local=8, host=f"node{n // 8}") for n in range(16)]
    ids = [
        chosen(environ, place, FACTS._replace(boot=place.host, self_key=str(place.rank))) for place in places
    ]
    assert len({each.value for each in ids}) == 1
    assert all(each.warning is not None and "OTEL_MMLOG_RUN_ID" in each.warning for each in ids)
    others = [chosen({**environ, "MASTER_PORT": "1"}, places[0]), chosen(environ, places[0], work_dir="b")]
    assert len({ids[0].value, *(other.value for other in others)}) == 3


@pytest.mark.parametrize("place", [ALONE, rank(0), rank(0, world_size=16, local=8)])
@pytest.mark.parametrize("environ", [{}, SLURM, {"TORCHELASTIC_RUN_ID": "job"}])
def test_second_run_of_a_process_differs(environ: dict[str, str], place: Rank) -> None:
    """A process that starts a second run gets a second id, whatever the source."""
    first = chosen(environ, place)
    assert chosen(environ, place, FACTS._replace(ordinal=1)).value != first.value


@pytest.mark.parametrize("value", ["", "a b", "a\nb", "x" * 129, 7, None])
def test_unusable_id(value: object) -> None:
    """An id that is empty, long, has spaces or is no string is refused by name."""
    with pytest.raises(ConfigError, match="here is"):
        check_run_id(value, "here")


def test_unusable_ids_say_where_they_come_from() -> None:
    """The error names the argument or the variable."""
    with pytest.raises(ConfigError, match="run_id is 'a b'"):
        chosen(argument="a b")
    with pytest.raises(ConfigError, match="OTEL_MMLOG_RUN_ID is 'c d'"):
        chosen({"OTEL_MMLOG_RUN_ID": "c d"})


def test_what_all_ranks_agreed_on() -> None:
    """Ranks on machines that know nothing of each other get one id from a time that was broadcast to them."""
    places = [rank(0, local=2), rank(3, local=2, host="node2")]
    ids = [chosen(place=place, agreed="20261122_101500") for place in places]
    assert ids[0] == ids[1]
    assert ids[0].warning is None
    assert chosen(place=places[0], agreed="20261122_101501") != ids[0]
    assert chosen({"TORCHELASTIC_RUN_ID": "job7"}, places[0], agreed="20261122_101500").value == "job7"
