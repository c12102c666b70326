"""Read what a target exposes: a URL that is asked once, or a file of text or OpenMetrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import Metric

Samples = list[tuple[str, "Mapping[str, str]"]]

_SECONDS = 10.0
_LARGEST_BYTES = 64 * 1024 * 1024
_ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def read_samples(source: str) -> Samples:
    """Return name and labels of every sample of a `/metrics` URL, or of a file.

    Raises:
        InputError: there is nothing of that kind, or it is no exposition.
        EngineError: the target does not answer.
    """
    if source.startswith(("http://", "https://")):
        return _parse(_fetch(source), source)
    try:
        text = Path(source).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", Place(source), "--metrics takes a http:// URL or a file") from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", Place(source)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", Place(source)) from None
    return _parse(text, source)


def _fetch(url: str) -> str:
    try:
        with httpx.stream("GET", url, headers={"Accept": _ACCEPT}, timeout=_SECONDS, follow_redirects=True) as answer:
            if not answer.is_success:
                raise EngineError(f"{url} answers with HTTP {answer.status_code}")
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _LARGEST_BYTES:
                    raise EngineError(f"{url} sends more than {_LARGEST_BYTES // 1024 // 1024} MB")
    except httpx.InvalidURL as error:
        raise InputError(f"is no URL: {error}", Place(url)) from None
    except httpx.HTTPError as error:
        raise EngineError(f"{url} does not answer: {error or type(error).__name__}") from None
    return body.decode("utf-8", errors="replace")


def _parse(text: str, source: str) -> Samples:
    """Parse as OpenMetrics where the text ends as that does, else as Prometheus' own format."""
    if text.rstrip().endswith("# EOF"):
        try:
            return _samples(parse_openmetrics(text), source)  # type: ignore[no-untyped-call]
        except (ValueError, KeyError, IndexError):
            # A counter whose name does not end in _total is none in OpenMetrics, and Prometheus reads it all the same.
            pass
    # Told of types, the parser gives counters another name than they have in the text.
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    try:
        return _samples(parse_text(plain + "\n"), source)
    except (ValueError, KeyError, IndexError) as error:
        raise InputError(f"is not what a target exposes: {str(error)[:200]}", Place(source)) from None


def _samples(families: Iterable[Metric], source: str) -> Samples:
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, str]] = {}
    for family in families:
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.labels
    if not found:
        raise InputError("has no samples", Place(source))
    return [(name, labels) for (name, _), labels in found.items()]
