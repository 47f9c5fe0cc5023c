"""The same results in this process, in several, and on a cluster; and errors that say what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.machine import scheduler
from ceres_fast.machine.scheduler import Workers

from ..clusters import cluster

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def double(number):
    time.sleep(0.01 * (5 - number % 5))
    return 2 * number


def refuse_seven(number):
    if number == 7:
        raise InputError("file.fits", "is bad", row=3, expected="better", action="mend it")
    return number


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def who(number):
    return os.getpid()


@pytest.fixture(scope="module")
def two():
    with Workers(2) as workers:
        workers.run(who, [1, 2], "starting")
        yield workers


def test_one_worker_is_this_process():
    with Workers(1) as workers:
        assert workers.run(who, [1, 2, 3], "x") == [os.getpid()] * 3
        assert workers.run(double, [], "x") == []


def test_for_one_task_no_process_is_started():
    with Workers(2) as workers:
        assert workers.run(who, [1], "x") == [os.getpid()]


@pytest.mark.parametrize("count", [0, -1])
def test_too_few_workers(count):
    with pytest.raises(CeresFastError, match=f"{count} workers"):
        Workers(count)


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks(two):
    assert two.run(double, range(40), "x") == [2 * number for number in range(40)]
    assert os.getpid() not in two.run(who, range(4), "x")


@pytest.mark.slow
def test_an_error_arrives_as_it_was_raised_and_ends_the_work(two):
    with pytest.raises(InputError) as here:
        Workers().run(refuse_seven, range(100), "x")
    with pytest.raises(InputError) as there:
        two.run(refuse_seven, range(100), "x")
    assert str(there.value) == str(here.value)
    assert (there.value.path, there.value.row) == ("file.fits", 3)
    assert two.run(double, [1, 2], "x") == [2, 4]


@pytest.mark.slow
def test_work_that_ends_its_worker_ends_in_an_error(two, capfd):
    with pytest.raises(CeresFastError, match="a worker ended 3 times at the same piece of work"):
        two.run(die, [1, 2], "x")
    assert two.run(double, [1, 2], "x") == [2, 4]
    assert "Traceback" not in capfd.readouterr().err


INTERRUPTED = """
import signal
import time
from ceres_fast.machine import scheduler
from ceres_fast.machine.scheduler import Workers

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started to ignore it
    with Workers(2) as workers:
        workers.run(abs, [1, 2], "x")
        print("started", flush=True)
        workers.run(time.sleep, [600, 600], "x")
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_and_only_this_process_speaks(tmp_path):
    (tmp_path / "program.py").write_text(INTERRUPTED)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(tmp_path / "program.py")]
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        assert process.stdout.readline() == "started\n"
        os.killpg(process.pid, signal.SIGINT)
        try:
            said = process.communicate(timeout=60)[1]  # ends when the last process that could write there has ended
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert said.count("Traceback") == said.count("KeyboardInterrupt") == 1


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a cluster that another process has started."""
    with cluster(tmp_path_factory.mktemp("cluster"), workers=1) as started:
        yield started


@pytest.mark.slow
def test_a_cluster_by_its_address(address, tmp_path, monkeypatch):
    (tmp_path / "lock").write_text("here")
    with Workers(scheduler=address) as workers:
        assert workers.run(abs, [-1, 2, -3], "x") == [1, 2, 3]
        workers.check({tmp_path: "", tmp_path / "lock": "here"})
        for path, content in ((tmp_path / "none", ""), (tmp_path / "lock", "another")):
            with pytest.raises(CeresFastError, match=rf"{path.name}: is not there for the worker tcp.*share"):
                workers.check({path: content})
        monkeypatch.setattr(scheduler, "__version__", "999")
        with pytest.raises(CeresFastError, match=r"the worker tcp.* has ceres-fast .*Install ceres-fast 999"):
            workers.check({})


@pytest.mark.parametrize(
    "wrong", ["nonsense", "tcp://", "http://127.0.0.1:1", "tcp://127.0.0.1", "tcp://127.0.0.1:99999999"]
)
def test_an_address_that_is_none(wrong):
    with pytest.raises(CeresFastError, match="no Dask scheduler answers there"):
        Workers(scheduler=wrong)


def test_an_address_where_nothing_listens_or_something_else_does():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CeresFastError, match="timed out"):
            Workers(scheduler=f"tcp://127.0.0.1:{port}")
    with pytest.raises(CeresFastError, match="refused"):
        Workers(scheduler=f"tcp://127.0.0.1:{port}")
