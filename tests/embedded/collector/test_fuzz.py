"""The fuzzer's own promises hold for a few thousand inputs; `make fuzz` tries a million."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).resolve().parents[2] / "fuzz" / "collector.py"


def test_inputs_of_a_fuzzer_are_accepted_or_rejected_with_a_reason(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [sys.executable, str(FUZZER), "-runs=4000", f"-artifact_prefix={tmp_path}/"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    assert "number_of_executed_units: 4" in ran.stderr + ran.stdout
