"""What is tried before a sweep takes its time: whether the rule sees the incident, and its file can be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.alerting.lanes import Lanes
from simulator.alerting.outcomes import Setting
from simulator.alerting.rule_edit import edit_rule
from simulator.errors import InputError, Place
from simulator.tuning.judging import changed_rule
from simulator.tuning.stage import exposition_digest
from simulator.tuning.trial import Trial

if TYPE_CHECKING:
    from simulator.alerting.exposition import Exposition
    from simulator.alerting.ruleset import AlertRule
    from simulator.tuning.preparation import Preparation


def refuse_unseen(prepared: Preparation) -> None:
    """Refuse an incident that nothing shows which the rule reads: no setting could ever see it.

    Raises:
        InputError: the strongest and longest incident leaves the rule's metrics just as they are without it, or the
            rule needs series that are not there.
        EngineError: Prometheus is missing or failed.
    """
    incidents = [trial for trial in prepared.trials if not trial.is_quiet]
    strongest = max(incidents, key=lambda trial: (trial.level, trial.duration_seconds, -trial.clients, -trial.seed))
    calm = replace(prepared.cause.stage, blips=replace(prepared.cause.stage.blips, per_day=0.0))
    without = Trial(None, 0.0, 0.0, strongest.clients, strongest.seed, None, None, strongest.length)
    seen = calm.play(strongest)
    _refuse_missing(prepared.judge.swept, seen, strongest.length)
    if exposition_digest(seen) == exposition_digest(calm.play(without)):
        problem = f"{prepared.cause.name} touches nothing that {prepared.rule.alert} reads"
        others = prepared.cause.others[:3]
        hint = f"it sees {', '.join(others)}" if others else "choose another fault"
        raise InputError(problem, Place("--fault"), hint)


def refuse_uneditable(prepared: Preparation) -> None:
    """Refuse a rule file in which the numbers cannot be changed in place.

    Raises:
        InputError: an alias shares them with something else, for example.
    """
    most = prepared.today
    for name in Setting.__dataclass_fields__:
        values = (getattr(setting, name) for setting in prepared.settings)
        other = next((value for value in values if value != getattr(most, name)), getattr(most, name))
        most = replace(most, **{name: other})
    edit_rule(prepared.rule, changed_rule(prepared.rule, most, prepared.judge.bound), prepared.judge.ruleset)


def _refuse_missing(rule: AlertRule, exposition: Exposition, length: float) -> None:
    """Refuse a rule that needs what no series has: it would be quiet whatever happens."""
    with Lanes([exposition], exprs=[rule.expr], length_seconds=length) as lanes:
        missing = lanes.missing(rule.expr)
    if missing:
        problem = f"needs {missing[0]}, which the simulator's metrics do not have, so that it can never fire"
        raise InputError(problem, Place(rule.file, rule.line, rule.alert))
