"""Somebody's own Prometheus, which scrapes and evaluates for us: asked, never changed."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from simulator.alerting.querying import understood
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.alerting.watching import RULE_COMPLAINTS, WatchingPrometheus, sort_labels
from simulator.durations import format_duration
from simulator.errors import EngineError, InputError, Place, SyncstormError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from simulator.alerting.ruleset import Rule

_LAST_PORT = 65_535
_ANSWER_SECONDS = 30.0
_ANSWER_BYTES = 256 << 20
_REFUSALS = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_PROXY_REFUSALS = (
    httpx.codes.PROXY_AUTHENTICATION_REQUIRED,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.GATEWAY_TIMEOUT,
)


class UserPrometheus(WatchingPrometheus):
    """A Prometheus at a URL that the user gave, read only; a context manager.

    `targets` are the labels of the targets whose scrapes matter, as that Prometheus has them.
    A name and a password may stand in the URL, and a token beside it.

    Raises:
        InputError: the URL is none, or leads to something else than a Prometheus that lets us in.
        EngineError: it does not answer.
    """

    def __init__(
        self,
        url: str,
        *,
        targets: tuple[Mapping[str, str], ...] = (),
        token: str | None = None,
        flag: str = "--prometheus",
    ) -> None:
        self._flag = flag
        self._url = self._parse(url)
        self._stack = ExitStack()
        self._token = token
        self._client: httpx.Client | None = None
        self.version = "unknown"
        self.external_labels = ()
        self.targets = tuple(sort_labels(dict(labels)) for labels in targets)

    def __enter__(self) -> Self:
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        with ExitStack() as stack:
            self._client = stack.enter_context(
                httpx.Client(
                    base_url=self._url,
                    headers=headers,
                    timeout=_ANSWER_SECONDS,
                    # A proxy for the outside has no business on loopback.
                    trust_env=not _is_loopback(self._url.host),
                )
            )
            if self.query("vector(1)") == []:
                raise InputError("does not evaluate expressions", self._place())
            self.version = self._ask_version()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        self._stack.close()

    def ruleset(self) -> RuleSet:
        """Return the rules that it has loaded."""
        answer = self._ask("rules")
        with understood("rules"):
            return RuleSet(tuple(_group(group) for group in answer["groups"]))

    def complaints(self, ruleset: RuleSet, start: float, end: float) -> tuple[str, ...]:
        """Return what went wrong with the evaluation of a set's groups, where it scrapes itself."""
        ours = {f"{group.file};{group.name}" for group in ruleset.groups}
        found = []
        for name, what in RULE_COMPLAINTS.items():
            grown = self.query(f"increase({name}[{format_duration(max(end - start, 1.0))}]) > 0", end)
            found += [
                f"Prometheus says that {what} in group {labels['rule_group'].rpartition(';')[2]}"
                for labels, _ in grown
                if labels.get("rule_group") in ours
            ]
        return tuple(found)

    def _key(self, group: Group) -> tuple[str, ...]:
        return (str(group.file), group.name)

    def _loaded_key(self, group: dict[str, Any]) -> tuple[str, ...]:
        return (str(group["file"]), str(group["name"]))

    def _ask_version(self) -> str:
        try:
            return str(self._ask("status/buildinfo")["version"])
        except (SyncstormError, KeyError, TypeError):
            return "unknown"  # what only speaks Prometheus' language need not have one

    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        answer = self._request(method, path, **body)
        if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED and method == "POST":
            # Some let through what only reads by its method.
            answer = self._request("GET", path, params=body.get("data"))
        self._refuse_others(answer)
        return answer

    def _request(self, method: str, path: str, **body: Any) -> httpx.Response:
        if self._client is None:
            raise EngineError(f"{self._shown()} is not connected")
        try:
            with self._client.stream(method, f"api/v1/{path}", **body) as answer:
                content = b""
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > _ANSWER_BYTES:
                        raise EngineError(f"{self._shown()} answers with more than {_ANSWER_BYTES >> 20} MiB")
                return httpx.Response(answer.status_code, headers=_plain_headers(answer), content=content)
        except httpx.ProxyError as error:
            raise EngineError(f"the proxy on the way to {self._shown()} refuses: {error}") from error
        except httpx.InvalidURL as error:
            raise InputError(f"is not a URL: {error}", self._place()) from error
        except httpx.HTTPError as error:
            raise EngineError(f"{self._shown()} does not answer: {error or type(error).__name__}") from error

    def _refuse_others(self, answer: httpx.Response) -> None:
        """Refuse what did not come from a Prometheus, or from one that keeps us out."""
        code = answer.status_code
        if code in _REFUSALS:
            hint = "put name and password into the URL, http://name:password@host, or give a token"
            raise InputError(f"{self._shown()} lets nobody in without credentials ({code})", self._place(), hint)
        if code in _PROXY_REFUSALS:
            raise EngineError(f"a proxy on the way to {self._shown()} answered {code} {answer.reason_phrase}")
        if 300 <= code < 400:
            raise InputError(f"{self._shown()} redirects to another place ({code})", self._place(), "is there a login?")
        if not answer.headers.get("content-type", "").startswith("application/json"):
            kind = answer.headers.get("content-type", "no type at all")
            problem = f"{self._shown()} is not a Prometheus: it answered {code} with {kind}"
            raise InputError(problem, self._place(), "give the URL without /graph or /api")

    def _parse(self, url: str) -> httpx.URL:
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise InputError(f"is not a URL: {error}", self._place()) from error
        if parsed.scheme not in {"http", "https"} or not parsed.host or (parsed.port or 1) > _LAST_PORT:
            raise InputError("is not a URL", self._place(), "write it like http://localhost:9090")
        # Whatever follows the path is part of no API.
        return parsed.copy_with(query=None, fragment=None, raw_path=parsed.raw_path.partition(b"?")[0])

    def _shown(self) -> str:
        """Return the URL without its credentials."""
        return str(self._url.copy_with(username=None, password=None)).rstrip("/")

    def _place(self) -> Place:
        return Place(self._flag)


def _group(group: dict[str, Any]) -> Group:
    rules = tuple(_rule(rule, group) for rule in group["rules"])
    interval, limit = float(group["interval"]), int(group.get("limit") or 0)
    return Group(str(group["name"]), rules, interval or None, limit, Path(str(group["file"])))


def _rule(rule: dict[str, Any], group: dict[str, Any]) -> Rule:
    name, expr, labels = str(rule["name"]), str(rule["query"]), dict(rule.get("labels") or {})
    where, file = str(group["name"]), Path(str(group["file"]))
    if rule["type"] == "recording":
        return RecordingRule(name, expr, labels, where, file)
    return AlertRule(
        name,
        expr,
        float(rule.get("duration") or 0),
        float(rule.get("keepFiringFor") or 0),
        labels,
        dict(rule.get("annotations") or {}),
        where,
        file,
    )


def _plain_headers(answer: httpx.Response) -> dict[str, str]:
    """Return the headers that still hold for a body that was read, and so unpacked."""
    return {"content-type": answer.headers.get("content-type", "")}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
