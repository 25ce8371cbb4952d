"""The table that benches end with: what was asked, measured, missed, and what could not be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.asked import ROWS, asked, left_out, table


def test_figures_of_all_benches_come_to_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tmp_path / "rows"
    monkeypatch.setenv(ROWS, str(rows))
    asked("twice as fast", 2.5, 2)
    asked("start", 6.0, 5, most=True)
    left_out("beside kili", "kili is not installed")
    lines = table(rows).splitlines()
    assert lines[0].split() == ["asked", "measured", "ratio"]
    assert lines[1].split() == ["twice", "as", "fast", ">=", "2", "2.50", "1.25", "ok"]
    assert lines[2].split() == ["start", "<=", "5", "6.00", "0.83", "MISSED"]
    assert lines[3].split() == ["beside", "kili", "not", "measured:", "kili", "is", "not", "installed"]
    assert lines[4] == "3 asked: 1 missed, 1 not measured"


def test_a_figure_is_told_without_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(ROWS, raising=False)
    asked("twice as fast", 1.0, 2)
    assert capsys.readouterr().out.split()[-1] == "MISSED"
