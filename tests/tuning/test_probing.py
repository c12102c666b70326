from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.errors import InputError
from simulator.tuning.preparation import Preparation, Request, prepare
from simulator.tuning.probing import refuse_unseen
from tests.tuning.stages import AUTH, RULE

if TYPE_CHECKING:
    from pathlib import Path

RULES = f"""
groups:
  - name: g
    rules:
      - {{alert: {RULE.alert}, expr: '{RULE.expr}', for: 10m}}
      - {{alert: Timeouts, expr: 'sum(rate(openagents_runtime_sync_socket_timeout_count[5m])) > 1'}}
      - {{alert: Failed, expr: 'sum(rate({AUTH}{{status="failed"}}[5m])) / sum(rate({AUTH}[5m])) > 0.1'}}
"""


def _prepare(folder: Path, alert: str) -> Preparation:
    (folder / "rules.yaml").write_text(RULES)
    request = Request((folder / "rules.yaml",), alert, fault="auth.key-drift", sweep=("clients=20 window=5m",))
    return prepare(request, load_faults())


def test_an_incident_that_the_rule_sees_is_accepted(tmp_path: Path) -> None:
    refuse_unseen(_prepare(tmp_path, RULE.alert))


def test_an_incident_that_leaves_all_that_the_rule_reads_as_it_is_is_refused(tmp_path: Path) -> None:
    said = r"--fault: auth.key-drift touches nothing that Timeouts reads \(it sees liveness."
    with pytest.raises(InputError, match=said):
        refuse_unseen(_prepare(tmp_path, "Timeouts"))


def test_a_rule_that_needs_a_label_that_nothing_has_is_refused_and_not_called_quiet(tmp_path: Path) -> None:
    said = r'rules.yaml:7: Failed: needs .*status="failed".*, which the simulator.s metrics do not have'
    with pytest.raises(InputError, match=said):
        refuse_unseen(_prepare(tmp_path, "Failed"))
