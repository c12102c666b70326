"""A client of the control API, as `syncstorm fault` uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator.control.api_models import (
    Begun,
    ConditionsInfo,
    Ended,
    FaultInfo,
    InjectionInfo,
    JournalPage,
    Problem,
    StateInfo,
)
from simulator.errors import EngineError, InputError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_SECONDS = 5.0
_UNAUTHORISED = 401
_Model = TypeVar("_Model", bound=BaseModel)
_Answer = TypeVar("_Answer")


class ApiClient:
    """Talks to the control API at a URL; what it refuses becomes one clear line.

    Every method raises InputError if what was asked for does not fit, and EngineError if the API is not there.
    """

    def __init__(self, url: str, token: str, *, timeout_seconds: float = _SECONDS) -> None:
        self._url = url
        try:
            self._http = httpx.Client(
                base_url=url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=timeout_seconds,
                trust_env=False,  # a proxy has no business between two programs on one machine
            )
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError):
            raise InputError("the control API's URL or token cannot be read") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def faults(self) -> list[FaultInfo]:
        """Return the faults that can be injected."""
        return self._list("/faults", FaultInfo)

    def injections(self) -> list[InjectionInfo]:
        """Return the injections in force."""
        return self._list("/injections", InjectionInfo)

    def inject(self, fault: str | None = None, **arguments: Any) -> str:
        """Begin an injection and return its id; the arguments are the keys of `InjectionRequest`.

        `for_` stands for the key `for`; what is None is left out.
        """
        body = {"fault": fault, "for": arguments.pop("for_", None), **arguments}
        given = {key: value for key, value in body.items() if value is not None}
        return self._ask("POST", "/injections", Begun, given).id

    def renew(self, injection: str) -> InjectionInfo:
        """Renew the lease of an injection that has one of its own."""
        return self._ask("POST", "/injections/renew", InjectionInfo, {"id": injection})

    def clear(self, injection: str | None = None) -> tuple[str, ...]:
        """End one injection, or all, and return the ids of those that ended."""
        path = "/injections" if injection is None else f"/injections/{quote(injection, safe='')}"
        return self._ask("DELETE", path, Ended).ended

    def halt(self) -> tuple[str, ...]:
        """End every injection, refuse new ones until `release`, and return the ids of those that ended."""
        return self._ask("POST", "/halt", Ended).ended

    def release(self) -> StateInfo:
        """Allow injections again."""
        return self._ask("POST", "/release", StateInfo)

    def state(self) -> StateInfo:
        """Return how the live system stands."""
        return self._ask("GET", "/state", StateInfo)

    def conditions(self) -> ConditionsInfo:
        """Return the conditions in force."""
        return self._ask("GET", "/conditions", ConditionsInfo)

    def journal(self, since: int = 0) -> JournalPage:
        """Return what happened after the entry numbered `since`."""
        return self._ask("GET", f"/journal?since={since}", JournalPage)

    def _list(self, path: str, model: type[_Model]) -> list[_Model]:
        adapter: TypeAdapter[list[_Model]] = TypeAdapter(list[model])  # type: ignore[valid-type]
        return self._understand(adapter, self._send("GET", path, None))

    def _ask(self, method: str, path: str, model: type[_Model], body: Mapping[str, Any] | None = None) -> _Model:
        return self._understand(TypeAdapter(model), self._send(method, path, body))

    def _understand(self, adapter: TypeAdapter[_Answer], content: bytes) -> _Answer:
        try:
            return adapter.validate_json(content)
        except ValidationError:
            raise EngineError(f"{self._url} answers, but it is no control API of this version") from None

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.TimeoutException:
            raise EngineError(f"the control API at {self._url} did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"no control API at {self._url}: {shorten(str(error)) or type(error).__name__}"
            raise EngineError(f"{problem} (is a game day running?)") from None
        if answer.is_success:
            return answer.content
        raise self._refusal(answer)

    def _refusal(self, answer: httpx.Response) -> InputError | EngineError:
        if answer.status_code == _UNAUTHORISED:
            return InputError("the control API refuses the token", hint="each run has its own, shown when it starts")
        try:
            problem = Problem.model_validate_json(answer.content).error
        except ValidationError:
            problem = ""
        if answer.is_client_error and problem:
            return InputError(problem)
        said = problem or f"status {answer.status_code}"
        return EngineError(f"the control API at {self._url} cannot do that: {said}")
