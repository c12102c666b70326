"""`docs/audit.md`: how to audit, and every kind of finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.audit.behaviour.account import write_account
from simulator.audit.checks import CHECKS, all_kinds
from simulator.audit.suppression import KINDS

if TYPE_CHECKING:
    from simulator.audit.finding import Kind

INTRODUCTION = """# Audit

<!-- Made from the code by `python scripts/write_audit_page.py`; a test holds it to that. -->

`syncstorm audit RULES...` says which alerts cannot fire, which are blind or late, and what hangs on them and is broken.
It evaluates nothing by itself: what it claims, a real Prometheus or `promtool test rules` has confirmed, and the
test files are yours (`--out DIR`).

```
syncstorm audit rules/*.yaml                             # against the scenario tabletop and its contract
syncstorm audit rules.yaml --contract openagents-khala   # another system's metrics
syncstorm audit rules.yaml --metrics http://localhost:9400/metrics   # what a target exposes, asked once; or a file
syncstorm audit rules.yaml --dashboards grafana/ --runbooks docs/
syncstorm audit rules.yaml --json | --github | --junit audit.xml | --fail-on warning
```

| option | without it |
|---|---|
| `--scenario` | `tabletop`: its traffic and its faults are what behaviour is held against |
| `--contract` | the scenario's |
| `--metrics` | names and labels are the contract's; with it, a label value that was not there is only a note |
| `--dashboards` | panels are not checked, which is said at the end |
| `--runbooks` | links are not followed; criteria are those of the shipped runbooks |

Exit codes: 0 nothing at or above `--fail-on` (`error`), 1 a finding, 2 wrong input, 3 Prometheus failed. An *error* is
an alert that can never work, a *warning* what weakens one, an *info* hygiene. Findings with one cause are one finding,
with the other places under `also`. What could not be looked at is listed as *not checked*: it is neither good nor bad.
So is a finding whose counter-example promtool does not confirm. `syncstorm schema audit` has the schema of `--json`.

## Accept a finding

A comment at the rule, or in the description of a panel, with the kind and a reason:

```yaml
      # syncstorm: ignore runbook-missing paged people wrote this one
      - alert: ClientsGone
```

It is listed as suppressed, with the reason. Before the first rule of a file it is about the file.

## Criteria of runbooks

When an incident is over and when it is passed on stand in the front matter of a runbook, so that they can be held
against the rules. The bound is in the unit of the alert's expression; `metric` is such an expression, without its
comparison.

```yaml
---
criteria:
  - {alert: AuthFailures, kind: exit, below: 0.02, for: 15m}
  - {metric: 'sum(rate(auth_errors_total[5m]))', kind: escalate, above: 25, for: 5m}
---
```

A link such as `docs/runbooks/auth.md#key-drift` is looked for below the folder of `--runbooks`, with or without its
first parts, and its anchor among the headings, as GitHub names them. Links to files on GitHub or GitLab are followed
there, too; links to other pages are not.

## In CI

As a [pre-commit](https://pre-commit.com) hook, on machines that have Prometheus and promtool on PATH:

```yaml
repos:
  - repo: https://github.com/OWNER/syncstorm
    rev: v0.1.0
    hooks:
      - id: syncstorm-audit
        files: ^(monitoring|docs)/
        args: [monitoring/rules, --dashboards, monitoring/dashboards, --runbooks, docs]
```

As a step of a GitHub workflow, with findings at their lines in the pull request:

```yaml
jobs:
  alerts:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: pip install syncstorm && syncstorm doctor --fetch
      - run: syncstorm audit monitoring/rules --dashboards monitoring/dashboards --runbooks docs --github
```
"""

_TITLES = {"static": "## What files tell", "behaviour": "## What behaviour tells"}


def write_page() -> str:
    """Return the page."""
    modules = {kind.name: check.find.__module__ for check in CHECKS for kind in check.kinds}
    behaving = [kind for name, kind in all_kinds().items() if ".behaviour" in modules.get(name, "")]
    filed = [kind for name, kind in all_kinds().items() if kind not in behaving and kind not in KINDS]
    parts = [INTRODUCTION, *_chapter(_TITLES["static"], [*filed, *KINDS])]
    if behaving:
        title, *chapters = _chapter(_TITLES["behaviour"], behaving)
        parts += [title, write_account(), *chapters]
    return "\n".join(parts)


def _chapter(title: str, kinds: list[Kind]) -> list[str]:
    return [f"{title}\n", *(f"### {kind.name}\n\n*{kind.severity}* · {kind.title} {kind.why}\n" for kind in kinds)]
