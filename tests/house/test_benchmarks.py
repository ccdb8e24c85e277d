"""The benchmark runs and refuses what is wrong; how fast is not asked where others run as well."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import children, contenders, machine, measure, memory, table, workloads
from tests.benchmarks.__main__ import main
from tests.benchmarks.contenders import CONTENDERS, NotThere, by_hand

THIS = f"{__name__}:"
SMALLEST = "case study"
PEERS = [name for name, contender in CONTENDERS.items() if contender.peer]


@pytest.fixture
def only(monkeypatch):
    """Contend by hand, and with what is given: names and functions of this module."""

    def contend(**functions):
        for name in [*CONTENDERS]:
            if not name.startswith("by hand"):
                monkeypatch.delitem(CONTENDERS, name)
        for name, function in functions.items():
            contender = contenders.Contender(THIS + function, "numpy", peer=False, on_numpy=True)
            monkeypatch.setitem(CONTENDERS, name, contender)

    return contend


# Contenders; they run in a child, which imports this module.


def a_millionth_off(problem):
    training = by_hand.with_arange(problem)

    def step():
        loss = training.step()
        problem.parameters["b"][0, 0] *= 1 + 1e-6
        return loss

    return training._replace(step=step)


def with_a_wrong_loss(problem):
    training = by_hand.with_arange(problem)
    return training._replace(step=lambda: 1.0001 * training.step())


def that_raises(problem):
    raise ZeroDivisionError("no step today")


def that_dies(problem):
    os._exit(3)


def that_is_silent(problem):
    raise NotThere("not there yet")


def that_tells_its_environment(problem):
    raise NotThere(json.dumps(dict(os.environ)))


def that_keeps_a_workspace(problem):
    kept = []
    return contenders.Training(lambda: kept or kept.append(np.ones(10**6)), dict)


def that_needs_memory_for_a_moment(problem):
    return contenders.Training(lambda: np.ones(7000 * len(problem.X)).sum(), dict)


# The command.


def test_a_run_prints_its_table_and_writes_its_numbers(tmp_path, capsys):
    file = tmp_path / "numbers.json"
    assert main(["--rounds", "3", "--json", str(file), SMALLEST]) == 0
    out = capsys.readouterr().out
    assert "case study, 300x2x3 float64" in out
    lines = [line for line in out.splitlines() if line.startswith(("by hand", "eager", "compiled"))]
    assert [line.split("  ")[0] for line in lines] == [n for n in CONTENDERS if n not in PEERS]

    report = json.loads(file.read_text("utf-8"))
    assert (report["threads"], report["machine"]["numpy"]) == (2, np.__version__)
    assert report["machine"]["cpu"]
    assert report["machine"]["load"] >= 0
    assert {"np.add(tensor, array)", "tensor + tensor"} <= report["dispatch"].keys()
    found = report["workloads"][SMALLEST]["contenders"]
    assert found["by hand"]["ratio"] == [1, 1, 1]
    assert found["by hand"]["memory ratio"] == 1
    assert found["eager"]["bars"] == {"ratio": 2.0}
    assert found["eager"]["seconds"][1] > 0
    assert len(found["eager"]["rounds"]) == 3
    ratios = np.divide(found["eager"]["rounds"], found["by hand"]["rounds"])
    assert np.isclose(found["eager"]["ratio"][1], np.median(ratios))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--rounds", "0"], "--rounds"), (["--threads", "0"], "--threads"), (["spiral"], "'spiral'")],
)
def test_a_wrong_argument_is_refused(arguments, word, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert word in capsys.readouterr().err


def test_a_contender_whose_result_is_wrong_is_refused(only, capsys):
    only(off="a_millionth_off", lost="with_a_wrong_loss", broken="that_raises", dead="that_dies")
    assert main(["--rounds", "1", SMALLEST]) == 1
    out, err = capsys.readouterr()
    assert f"{SMALLEST}, off: wrong: b is off by" in err
    assert f"{SMALLEST}, lost: wrong: the loss is" in err
    assert f"{SMALLEST}, dead: its process ended with 3" in err
    assert "ZeroDivisionError: no step today" in err
    for name in ("off", "lost", "broken", "dead"):
        (line,) = [line for line in out.splitlines() if line.startswith(name)]
        assert not line.removeprefix(name).lstrip()[0].isdigit()  # no ratio


def test_a_contender_that_is_not_there_is_listed_and_is_no_failure(only, monkeypatch, capsys):
    only(absent="that_is_silent")
    missing = contenders.Contender(THIS, "no_such_library", peer=False)
    monkeypatch.setitem(CONTENDERS, "missing", missing)
    assert main(["--rounds", "1", "--markdown", SMALLEST]) == 0
    out = capsys.readouterr().out
    assert "| absent |" in out
    assert "| not there yet |" in out
    assert "| not installed: no_such_library |" in out
    rows = [line for line in out.split("\n\n")[2].splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1


# The check.

BEFORE = workloads.make(workloads.WORKLOADS[SMALLEST]).parameters
RIGHT = [1.0, 0.9], {name: array + 1e-3 for name, array in BEFORE.items()}


def test_the_check_accepts_what_differs_by_rounding():
    parameters = {name: array * (1 + 1e-14) for name, array in RIGHT[1].items()}
    measure.check((RIGHT[0], parameters), RIGHT, SMALLEST)


@pytest.mark.parametrize(
    ("losses", "parameters"),
    [
        ([1.0, 0.9 * (1 + 1e-6)], RIGHT[1]),
        ([1.0, np.nan], RIGHT[1]),
        (RIGHT[0], RIGHT[1] | {"W": RIGHT[1]["W"] + 1e-9}),
        (RIGHT[0], RIGHT[1] | {"b": RIGHT[1]["b"] * np.nan}),
        (RIGHT[0], RIGHT[1] | {"b": RIGHT[1]["b"].astype("f4")}),
        (RIGHT[0], BEFORE),
    ],
)
def test_the_check_refuses(losses, parameters):
    with pytest.raises(measure.Wrong):
        measure.check((losses, parameters), RIGHT, SMALLEST)


# The children.


def test_children_have_equal_threads_and_no_misleading_kernel(monkeypatch):
    for name in children.MISLEADING:
        monkeypatch.setenv(name, "Prescott")
    with (
        children.Child(THIS + "that_tells_its_environment", SMALLEST, 3) as child,
        pytest.raises(NotThere) as told,
    ):
        child.ask("check", 1)
    environment = json.loads(str(told.value))
    assert not environment.keys() & set(children.MISLEADING)
    assert all(environment[name] == "3" for name in children.THREADS)
    assert all(os.environ[name] == "Prescott" for name in children.MISLEADING)
    assert os.environ.get("NPROC") != "3"


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for a process's state")
def test_a_child_stands_still_but_for_its_turn():
    with children.Child(CONTENDERS["by hand"].path, SMALLEST, 1) as child:
        child.ask("check", 1)
        child.pause()
        while state(child.process.pid) != "T":
            pass
        with child.turn():
            assert child.ask("time", 2) > 0
        while state(child.process.pid) != "T":
            pass
        pid = child.process.pid
    assert not Path(f"/proc/{pid}").exists()


def test_memory_that_is_kept_counts():
    with children.Child(THIS + "that_keeps_a_workspace", SMALLEST, 1) as child:
        assert 8e6 <= child.ask("traced") < 8.1e6


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_memory_that_is_resident_for_a_moment_counts():
    with children.Child(THIS + "that_needs_memory_for_a_moment", SMALLEST, 1) as child:
        assert 15e6 <= child.ask("resident") < 20e6


def test_without_linux_there_is_no_resident_memory(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert memory.resident_peak(lambda: None) is None


# The peers.


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("workload", ["case study", "two-layer case study"])
def test_a_peer_computes_the_same(name, workload):
    if find_spec(CONTENDERS[name].library) is None:
        pytest.skip(f"{CONTENDERS[name].library} is not installed: pip install -e '.[bench]'")
    with (
        children.Child(CONTENDERS["by hand"].path, workload, 1) as reference,
        children.Child(CONTENDERS[name].path, workload, 1) as peer,
    ):
        measure.check(peer.ask("check", 3), reference.ask("check", 3), workload)


def test_the_machine_is_told_on_a_line():
    line = machine.summary(machine.describe(), 1)
    assert "1 thread;" in line
    assert np.__version__ in line


@pytest.mark.parametrize(("times", "busy"), [([1, 1.1, 1.2], False), ([1, 15, 16], True)])
def test_a_busy_machine_is_told(times, busy):
    found = {"contenders": {"by hand": {"rounds": times}}}
    assert ("The machine was busy" in table.warning(found)) == busy


def test_the_table_lines_up():
    text = table.plain([("op", "cost", "bar"), ("addition", "1.5", "20")])
    assert text == "op        cost  bar\naddition   1.5  20"
