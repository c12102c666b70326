"""Grafana dashboards: the PromQL queries of their panels, and where they stand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.audit.finding import Where
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_INTERVALS = re.compile(r"\$\{?__(?:rate_interval|interval|range)(?:_ms|_s)?\}?|\[\[__(?:interval|range)\]\]")
# `$1` belongs to label_replace.
_VARIABLE = r"(?:\$\{[a-zA-Z_]\w*(?::\w+)?\}|\$[a-zA-Z_]\w*|\[\[\w+\]\])"
_MATCHED = re.compile(rf'(=~|!~|!=|=)\s*"(?=[^"]*{_VARIABLE})[^"]*"')
_WINDOW = re.compile(rf"\[\s*{_VARIABLE}\s*(?=[\]:])")
_LEFT = re.compile(_VARIABLE)


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query of a panel, with Grafana's variables taken out; `note` is the panel's description.

    A variable in a matcher stands for any value, one in a range for five minutes. `open_variable` is one that is
    elsewhere, so that nobody can tell what the query is.
    """

    where: Where
    expr: str
    legend: str = ""
    note: str = ""
    open_variable: str | None = None


def load_dashboards(paths: Iterable[Path]) -> tuple[PanelQuery, ...]:
    """Return the queries of every dashboard of files and folders.

    Raises:
        InputError: a file is no JSON, a file that was named is no dashboard, or a folder holds none.
    """
    found: list[PanelQuery] = []
    for path in paths:
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        dashboards = [(file, text, board) for file in files for text, board in _read(file)]
        if not dashboards:
            problem = (
                "no Grafana dashboard in there" if path.is_dir() else "is no Grafana dashboard: it has no 'panels'"
            )
            raise InputError(problem, Place(path))
        for file, text, board in dashboards:
            found += _queries(file, text, board)
    return tuple(found)


def _read(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield text and data of a dashboard, as Grafana exports it or as its API gives it; nothing for other JSON."""
    try:
        text = file.read_text(encoding="utf-8")
        data = json.loads(text)
    except FileNotFoundError:
        raise InputError("no such file or folder", Place(file)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", Place(file)) from None
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error.msg}", Place(file, error.lineno)) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}", Place(file)) from None
    board = data.get("dashboard", data) if isinstance(data, dict) else None
    if isinstance(board, dict) and isinstance(board.get("panels"), list):
        yield text, board


def _queries(file: Path, text: str, board: dict[str, Any]) -> Iterator[PanelQuery]:
    title = str(board.get("title") or file.stem)
    after = 0  # the same expression may stand in several panels, in the order of the file
    for panel in _panels(board["panels"]):
        note = str(panel.get("description") or "")
        for target in panel.get("targets") or ():
            if not isinstance(target, dict) or not isinstance(target.get("expr"), str) or not target["expr"].strip():
                continue
            if not (_is_prometheus(panel) and _is_prometheus(target)):
                continue
            raw = target["expr"]
            at = max(text.find(json.dumps(raw), after), text.find(json.dumps(raw, ensure_ascii=False), after))
            after = max(at, after)
            line = None if at < 0 else text.count("\n", 0, at) + 1
            expr = _without_variables(raw)
            left = _LEFT.search(expr)
            where = Where(f"{title}: {panel.get('title') or panel.get('id')}", file, line)
            yield PanelQuery(where, expr, str(target.get("legendFormat") or ""), note, left[0] if left else None)


def _panels(panels: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        if isinstance(panel, dict):
            yield panel
            yield from _panels(panel.get("panels") or ())  # a row that is folded


def _is_prometheus(part: dict[str, Any]) -> bool:
    """Whether a panel or a query asks a Prometheus; what names no type is taken for one."""
    source = part.get("datasource")
    kind = source.get("type") if isinstance(source, dict) else None
    return kind in (None, "", "prometheus", "datasource") or "prometheus" in str(kind)


def _without_variables(expr: str) -> str:
    expr = _INTERVALS.sub("5m", expr)
    expr = _WINDOW.sub("[5m", expr)
    return _MATCHED.sub('=~".*"', expr)
