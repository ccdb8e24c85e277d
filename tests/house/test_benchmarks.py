"""The benchmark runs; what it measures is not asked here, where others use the machine as well."""

import sys

from tests import benchmarks


def test_one_round_of_the_smallest_workload_prints_its_table(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rounds", "1", "case study"])
    benchmarks.main()
    heads, line = capsys.readouterr().out.splitlines()
    assert " ".join(heads.split()) == "workload size by hand eager / by hand bar memory"
    assert line.startswith("case study   300x2x3 f8")
