"""Judge a run: which alerts its metrics fire, and when, by a real Prometheus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.certify import Clock, certify
from simulator.alerting.evaluation import Evaluation
from simulator.alerting.filling import fill
from simulator.alerting.following import watch
from simulator.alerting.measuring import measure
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.alerting.rules import check_rules
from simulator.alerting.timeline import AlertTimeline
from simulator.alerting.toolchain import find_tool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Exposition
    from simulator.alerting.measuring import Question
    from simulator.alerting.ruleset import RuleSet


def judge(  # noqa: PLR0913  # the run, the rules and the settings of the monitoring
    exposition: Exposition,
    ruleset: RuleSet,
    *,
    evaluation_interval_seconds: float,
    duration_seconds: float,
    out_dir: Path,
    questions: Sequence[Question] = (),
    watched: Sequence[str] = (),
    lookback_seconds: float = 300.0,
) -> AlertTimeline:
    """Evaluate every alerting rule over a whole run, at 0, one interval, two intervals, and so on.

    `questions` are asked of the same Prometheus, and queries to be `watched` are followed over the run.
    Writes `metrics.om`, `promtool*.yaml` and `rules*.yaml` to `out_dir`.
    Groups with an interval of their own are evaluated at that one.

    Raises:
        InputError: Prometheus does not accept a rule or a question.
        EngineError: Prometheus or promtool is missing, died, lost samples or could not evaluate a rule.
    """
    clock = Clock(duration_seconds, evaluation_interval_seconds)
    promtool = find_tool("promtool").path
    out_dir.mkdir(parents=True, exist_ok=True)
    metrics = out_dir / "metrics.om"
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(check_rules, ruleset)
        write_openmetrics(exposition, metrics)
        with PrivatePrometheus(
            metrics,
            lookback_seconds=lookback_seconds,
            evaluation_interval_seconds=evaluation_interval_seconds,
        ) as prometheus:
            checked.result()
            fill(prometheus, (exposition,))
            evaluation = Evaluation(prometheus, ruleset, exposition, clock, promtool)
            timelines = evaluation.timelines()
            names = evaluation.names()
            step = exposition.scrape_interval_seconds
            measured = measure(prometheus, questions, end=duration_seconds, step=step)
            courses = watch(prometheus, watched, clock)
            version = prometheus.version
    certification = certify(timelines, ruleset, exposition, clock, names=names, out_dir=out_dir, promtool=promtool)
    return AlertTimeline(timelines, "prometheus", version, certification, measured=measured, watched=courses)
