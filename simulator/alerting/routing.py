"""A user's Alertmanager configuration with the same routing, in which every receiver is ours.

What is kept is listed here and nothing else is kept: a way to notify somebody that this module has never heard of
does not survive either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from simulator.alerting.rawyaml import read_raw, write_quoted
from simulator.alerting.section import Section
from simulator.errors import InputError, shorten, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_INTERVAL_LISTS = ("mute_time_intervals", "time_intervals")
_KEPT = ("global", "route", "inhibit_rules", "receivers", *_INTERVAL_LISTS)
# They load files or send things somewhere.
_DROPPED = ("templates", "tracing", "event_recorder")
_ROUTE_DURATIONS = ("group_wait", "group_interval", "repeat_interval")
_ROUTE_INTERVALS = ("mute_time_intervals", "active_time_intervals")
_ROUTE_LISTS = ("group_by", "matchers", *_ROUTE_INTERVALS)
_ROUTE_TEXTS = ("match", "match_re")
_ROUTE_KEYS = ("receiver", "continue", "routes", "labels", *_ROUTE_DURATIONS, *_ROUTE_LISTS, *_ROUTE_TEXTS)
_INHIBIT_LISTS = ("source_matchers", "target_matchers", "equal")
_INHIBIT_TEXTS = ("source_match", "source_match_re", "target_match", "target_match_re")
_PERIOD_LISTS = ("weekdays", "days_of_month", "months", "years")
# Programs written in Go take these words, too.
_TRUE, _FALSE = ("true", "yes", "on", "y"), ("false", "no", "off", "n")

DEFAULT_RECEIVER = "syncstorm"


@dataclass(frozen=True, slots=True)
class Routing:
    """A configuration that reaches nobody but us; only this module makes one.

    Attributes:
        text: The Alertmanager configuration.
        receivers: The name of every receiver.
        silent: The receivers that notify nobody in the user's file.
        notes: What was left out of the user's file, one sentence each.
        file: Where it comes from, None for the default.
    """

    text: str
    receivers: tuple[str, ...]
    silent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    file: Path | str | None = None


def default_routing(url: str) -> Routing:
    """Return a routing that sends every alert to a URL, one group per alert name, almost at once."""
    route = {
        "receiver": DEFAULT_RECEIVER,
        "group_by": ["alertname"],
        "group_wait": "1s",
        "group_interval": "5s",
        "repeat_interval": "4h",
    }
    plain = {"route": route, "receivers": [_receiver(DEFAULT_RECEIVER, url)]}
    return Routing(write_quoted(plain), (DEFAULT_RECEIVER,))


def rewrite_routing(text: str, url: str, file: Path | str = "alertmanager.yml") -> Routing:
    """Return a configuration's routing with each receiver replaced by a webhook at `url`, its name in the query.

    Raises:
        InputError: the configuration does not hold together, or has a key whose meaning is not known.
    """
    document, data = read_raw(text, file)
    if not isinstance(data, dict):
        raise InputError("must be a mapping", document.place(()))
    whole = Section(document, (), data)
    if "apiVersion" in data:
        hint = "give the alertmanager.yaml that is in it"
        raise InputError("is a Kubernetes object, not an Alertmanager configuration", whole.place("apiVersion"), hint)
    whole.refuse_unknown((*_KEPT, *_DROPPED))
    return _Rewriter(whole, url).rewrite(file)


class _Rewriter:
    def __init__(self, whole: Section, url: str) -> None:
        self._whole = whole
        self._url = url
        self._notes: dict[str, None] = {}
        self._receivers: list[str] = []
        self._silent: list[str] = []
        self._intervals: list[str] = []

    def rewrite(self, file: Path | str) -> Routing:
        plain: dict[str, Any] = {}
        if self._whole.data.get("global") is not None:
            plain["global"] = self._settings(self._whole.section("global"))
        for key in _DROPPED:
            if self._whole.data.get(key) is not None:
                self._note(f"{key} is left out")
        receivers = [self._receiver_of(section) for section in self._whole.sections("receivers")]
        intervals = {key: self._named_intervals(key) for key in _INTERVAL_LISTS}
        if self._whole.data.get("route") is None:
            raise InputError("the key 'route' is missing", self._whole.place())
        plain["route"] = self._route(self._whole.section("route"), root=True)
        plain["inhibit_rules"] = [self._inhibition(section) for section in self._whole.sections("inhibit_rules")]
        plain |= intervals
        plain = {key: value for key, value in plain.items() if value}
        plain["receivers"] = receivers
        return Routing(write_quoted(plain), tuple(self._receivers), tuple(self._silent), tuple(self._notes), file)

    def _settings(self, section: Section) -> dict[str, Any]:
        """Return the only global setting that is none of a notifier's."""
        dropped = [key for key in section.data if key != "resolve_timeout"]
        if dropped:
            self._note(f"global settings are left out: {', '.join(sorted(dropped))}")
        return self._durations(section, ("resolve_timeout",))

    def _receiver_of(self, section: Section) -> dict[str, Any]:
        name = section.text("name")
        if name is None:
            raise InputError("a receiver needs a name", section.place("name"))
        if name in self._receivers:
            raise InputError(f"receiver '{shorten(name)}' is there twice", section.place("name"))
        self._receivers.append(name)
        if not any(section.data[key] for key in section.data if key.endswith("_configs")):
            self._silent.append(name)
        return _receiver(name, self._url)

    def _route(self, section: Section, *, root: bool = False) -> dict[str, Any]:
        section.refuse_unknown(_ROUTE_KEYS)
        plain: dict[str, Any] = {}
        receiver = section.text("receiver")
        if root:
            _refuse_in_root(section, receiver)
        if receiver is not None:
            _check_name("receiver", receiver, self._receivers, section, "receiver")
            plain["receiver"] = receiver
        if section.data.get("labels") is not None:
            self._note("labels of routes are left out")
        plain |= self._durations(section, _ROUTE_DURATIONS)
        plain |= _lists(section, _ROUTE_LISTS)
        for key in _ROUTE_INTERVALS:
            for name in plain.get(key, ()):
                _check_name("time interval", name, self._intervals, section, key)
        plain |= _texts(section, _ROUTE_TEXTS)
        if section.data.get("continue") is not None:
            plain["continue"] = _flag(section, "continue")
        routes = [self._route(child) for child in section.sections("routes")]
        return plain | ({"routes": routes} if routes else {})

    def _inhibition(self, section: Section) -> dict[str, Any]:
        section.refuse_unknown(("name", *_INHIBIT_LISTS, *_INHIBIT_TEXTS))
        return _lists(section, _INHIBIT_LISTS) | _texts(section, _INHIBIT_TEXTS)

    def _named_intervals(self, key: str) -> list[dict[str, Any]]:
        found = []
        for section in self._whole.sections(key):
            section.refuse_unknown(("name", "time_intervals"))
            name = section.text("name")
            if name is None:
                raise InputError("a time interval needs a name", section.place("name"))
            if name in self._intervals:
                raise InputError(f"time interval '{shorten(name)}' is there twice", section.place("name"))
            self._intervals.append(name)
            periods = [_period(period) for period in section.sections("time_intervals")]
            found.append({"name": name, "time_intervals": periods})
        return found

    def _durations(self, section: Section, keys: Iterable[str]) -> dict[str, Any]:
        found = {}
        for key in keys:
            if section.text(key) is not None:
                section.duration(key)  # refuses what is none
                found[key] = section.text(key)
        return found

    def _note(self, sentence: str) -> None:
        self._notes[sentence] = None


def _receiver(name: str, url: str) -> dict[str, Any]:
    ours = {"url": f"{url}?receiver={quote(name, safe='')}", "send_resolved": True, "max_alerts": 0}
    return {"name": name, "webhook_configs": [ours]}


def _refuse_in_root(section: Section, receiver: str | None) -> None:
    if receiver is None:
        raise InputError("the root route needs a receiver", section.place("receiver"))
    for key in ("match", "match_re", "matchers", *_ROUTE_INTERVALS):
        if section.data.get(key):
            raise InputError("the root route takes every alert, and so cannot have this", section.place(key))
    if section.data.get("continue") is not None and _flag(section, "continue"):
        raise InputError("the root route cannot have this", section.place("continue"))


def _period(section: Section) -> dict[str, Any]:
    section.refuse_unknown(("times", "location", *_PERIOD_LISTS))
    plain: dict[str, Any] = {}
    times = section.sections("times")
    for span in times:
        span.refuse_unknown(("start_time", "end_time"))
    if times:
        plain["times"] = [{key: span.text(key) for key in span.data if span.text(key) is not None} for span in times]
    location = section.text("location")
    return plain | _lists(section, _PERIOD_LISTS) | ({} if location is None else {"location": location})


def _lists(section: Section, keys: Iterable[str]) -> dict[str, Any]:
    """Return the lists of texts under some keys."""
    found = {}
    for key in keys:
        value = section.data.get(key)
        if value is None:
            continue
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InputError("must be a list of texts", section.place(key))
        found[key] = value
    return found


def _texts(section: Section, keys: Iterable[str]) -> dict[str, Any]:
    """Return the mappings of texts under some keys."""
    found = {key: section.texts(key) for key in keys}
    return {key: value for key, value in found.items() if value}


def _flag(section: Section, key: str) -> bool:
    word = str(section.data[key]).lower()
    if word not in (*_TRUE, *_FALSE):
        raise InputError("must be true or false", section.place(key))
    return word in _TRUE


def _check_name(kind: str, name: str, known: Sequence[str], section: Section, key: str) -> None:
    if name not in known:
        raise unknown_name(kind, name, known, section.place(key))
