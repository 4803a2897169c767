"""Which process this is: every launcher's variables, and what is wrong with them."""

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.rank import Rank, find_rank

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "11",
    "WORLD_SIZE": "16",
    "LOCAL_RANK": "3",
    "LOCAL_WORLD_SIZE": "8",
}
SLURM = {
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "5",
    "SLURM_NTASKS": "8",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
}


def found(environ: dict[str, str], process_group: tuple[int, int] | None = None) -> Rank:
    return find_rank(environ, host="node1", process_group=process_group)


def test_alone() -> None:
    """Without a launcher a process is rank 0 of 1."""
    assert found({}) == Rank(0, 0, 1, 1, "node1", "alone")
    assert found({}).one_machine


def test_torchrun() -> None:
    """torchrun's four variables say everything."""
    assert found(TORCHRUN) == Rank(11, 3, 16, 8, "node1", "torchrun")
    assert not found(TORCHRUN).one_machine


def test_bare_rank_and_world_size() -> None:
    """RANK and WORLD_SIZE alone mean one machine."""
    assert found({"RANK": "1", "WORLD_SIZE": "4"}) == Rank(1, 1, 4, 4, "node1", "environment")


def test_bare_rank_that_meets_elsewhere() -> None:
    """With a master that may be another machine, how many ranks are here is unknown, alike on every rank."""
    for number in (0, 1):
        place = found({"RANK": str(number), "WORLD_SIZE": "2", "MASTER_ADDR": "trainer-master-0"})
        assert (place.local_rank, place.local_world_size, place.one_machine) == (0, 0, False)
    assert found({"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}).one_machine


def test_bare_rank_with_local_world_size() -> None:
    """The local rank follows from the ranks a machine has."""
    environ = {"RANK": "13", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}
    assert found(environ) == Rank(13, 5, 16, 8, "node1", "environment")


def test_slurm_step() -> None:
    """Inside srun the step's variables say everything; ``4(x2)`` is four tasks on each of two nodes."""
    assert found(SLURM) == Rank(5, 1, 8, 4, "node1", "slurm")


def test_slurm_step_without_tasks_per_node() -> None:
    """Where the tasks of a node are not told, the nodes of the job tell them."""
    environ = {name: value for name, value in SLURM.items() if name != "SLURM_STEP_TASKS_PER_NODE"}
    assert found({**environ, "SLURM_NNODES": "2"}).local_world_size == 4


def test_slurm_with_unequal_nodes() -> None:
    """``4,2`` does not say how many tasks this node has: the job counts as one of several machines."""
    environ = {**SLURM, "SLURM_STEP_TASKS_PER_NODE": "6,2", "SLURM_NNODES": "2"}
    assert not found(environ).one_machine


def test_slurm_batch_script() -> None:
    """Outside srun there is no step, and the one process of the script is alone."""
    environ = {"SLURM_JOB_ID": "77", "SLURM_PROCID": "0", "SLURM_NTASKS": "8"}
    assert found(environ).source == "alone"


def test_open_mpi() -> None:
    """mpirun's variables say everything."""
    assert found(OPEN_MPI) == Rank(3, 1, 4, 2, "node1", "openmpi")


def test_torchrun_inside_slurm() -> None:
    """torchrun wins over the Slurm step that started it."""
    assert found({**SLURM, **TORCHRUN}).source == "torchrun"


def test_process_group() -> None:
    """An initialised process group is asked where no launcher speaks."""
    assert found({}, (2, 4)) == Rank(2, 2, 4, 4, "node1", "process group")
    assert found({"LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}, (3, 4)) == Rank(
        3, 1, 4, 2, "node1", "process group"
    )


def test_launcher_wins_over_process_group() -> None:
    """The launcher's word counts more than a process group's."""
    assert found(TORCHRUN, (0, 1)).rank == 11


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"RANK": "one", "WORLD_SIZE": "2"}, "RANK='one'"),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, "RANK='-1'"),
        ({"RANK": "", "WORLD_SIZE": "2"}, "RANK=''"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "WORLD_SIZE='0'"),
        ({"RANK": "0", "WORLD_SIZE": "2.5"}, "WORLD_SIZE='2.5'"),
        ({"RANK": "0"}, "WORLD_SIZE is not set"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2 but WORLD_SIZE=2"),
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "many"}, "SLURM_STEP_NUM_TASKS='many'"),
        ({**OPEN_MPI, "OMPI_COMM_WORLD_SIZE": "x"}, "OMPI_COMM_WORLD_SIZE='x'"),
    ],
)
def test_wrong_values_are_named(environ: dict[str, str], named: str) -> None:
    """A variable that cannot be used is named with what it holds."""
    with pytest.raises(ConfigError) as caught:
        found(environ)
    assert named in str(caught.value)
