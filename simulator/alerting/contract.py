"""Contracts: under which metric names and labels the simulator's instruments are exposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.conditions import KNOBS, Settings, parse_knob
from simulator.core.metrics import INSTRUMENTS
from simulator.documents import Document, explain_misfit, load_documents
from simulator.errors import InputError, Place, unknown_name
from simulator.shipped import find_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Labels
    from simulator.core.exporter import Look
    from simulator.core.metrics import Instrument, Key, Process
    from simulator.core.recording import Recording

    Column = tuple[str, str, Labels]
    """What a series is called: its family, its sample name and its labels."""

MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^_?[a-zA-Z][a-zA-Z0-9_]*$")]


class Metric(BaseModel):
    """The name of one instrument, the name of each of its labels, and those of its labels' values that differ.

    `values` has, by the instrument's own label, what somebody calls its values: `status: {error: refused}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: MetricName
    labels: dict[str, LabelName] = {}
    values: dict[str, dict[str, Annotated[str, Field(min_length=1)]]] = {}

    def value(self, label: str, own: str) -> str:
        """Return what a value of an instrument's label is called."""
        return self.values.get(label, {}).get(own, own)

    def own_value(self, label: str, called: str) -> str:
        """Return the instrument's own value that is called so."""
        return next((own for own, name in self.values.get(label, {}).items() if name == called), called)


class Contract(BaseModel):
    """The mapping from instruments to somebody's metrics; an instrument that it leaves out is not exposed.

    `conditions` are knobs of that somebody's system in good health, where they are not at their defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contract: str
    summary: str = ""
    conditions: dict[str, Any] = {}
    targets: dict[str, dict[LabelName, str]] = {}
    metrics: dict[str, Metric]

    def settings(self) -> Settings:
        """Return every knob as the contract's system has it in good health."""
        settings = Settings()
        for knob, raw in self.conditions.items():
            settings = settings.with_value(knob, parse_knob(knob, raw))
        return settings

    def metric_names(self, instrument: str) -> tuple[str, ...]:
        """Return the sample names under which an instrument is exposed; none if it is left out."""
        metric = self.metrics.get(instrument)
        if metric is None:
            return ()
        if INSTRUMENTS[instrument].kind == "summary":
            return (f"{metric.name}_count", f"{metric.name}_sum")
        return (metric.name,)

    def reads(self, process: Process) -> bool:
        """Tell whether any metric is of a process, so that it has to be scraped."""
        return any(INSTRUMENTS[name].process == process for name in self.metrics)

    def expose(self, recording: Recording) -> Exposition:
        """Return what the scrapes of a recording showed under this contract.

        Raises:
            InputError: a metric or label was renamed so that two series have one name.
        """
        families = [self._up(recording.failed)]
        columns = self._columns(recording)
        taken = {"up": "every target"}
        for name in self.metrics:
            instrument = INSTRUMENTS[name]
            by_family: dict[str, list[Series]] = {}
            for (family, sample, labels), values in sorted(columns[name].items()):
                if taken.setdefault(sample, name) != name:
                    raise InputError(f"{name} was renamed to {family}, which is the name of {taken[sample]}")
                by_family.setdefault(family, []).append(Series(sample, labels, values))
            families += [
                Family(family, instrument.kind, instrument.help, tuple(series)) for family, series in by_family.items()
            ]
        return Exposition(
            recording.scrape_interval_seconds,
            recording.scrape_offset_seconds,
            tuple(recording.times),
            tuple(families),
        )

    def _columns(self, recording: Recording) -> dict[str, dict[Column, list[int | None]]]:
        """Return, by instrument, the values of each series scrape by scrape, by what the series was called then."""
        columns: dict[str, dict[Column, list[int | None]]] = {name: {} for name in self.metrics}
        called: dict[tuple[int, Key], list[int | None]] = {}
        count = len(recording.times)
        for index, (values, look) in enumerate(zip(recording.scrapes, recording.looks, strict=True)):
            for key, value in values.items():
                known = (id(look), key)
                if known not in called:
                    metric = self.metrics.get(key[0])
                    if metric is None:
                        continue
                    name = self._call(metric, INSTRUMENTS[key[0]], key, look)
                    called[known] = columns[key[0]].setdefault(name, [None] * count)
                called[known][index] = value
        return columns

    def _call(self, metric: Metric, instrument: Instrument, key: Key, look: Look) -> Column:
        targets = self.targets.get(instrument.process, {})
        family = look.metric(instrument.name, metric.name)
        sample = f"{family}_{key[-1]}" if instrument.kind == "summary" else family
        names = [*targets, *(look.label(instrument.name, label, metric.labels[label]) for label in instrument.labels)]
        if len(set(names)) < len(names):
            raise InputError(f"a label of {instrument.name} was renamed to one that its series have already")
        own = look.labels(instrument, metric.labels, key, metric.values)
        return family, sample, tuple(sorted({**targets, **own}.items()))

    def _up(self, failed: Sequence[frozenset[str]]) -> Family:
        series = tuple(
            Series("up", tuple(sorted(labels.items())), [int(process not in gone) for gone in failed])
            for process, labels in self.targets.items()
        )
        return Family("up", "gauge", "Whether the target answered the scrape.", series)


def load_contract(name: str, place: Place | None = None, folder: Path | None = None) -> Contract:
    """Return the contract that a shipped name or a path means.

    Raises:
        InputError: it does not exist, does not parse, or names what does not exist.
    """
    file = find_file("contract", name, place, folder)
    documents = load_documents(file)
    if len(documents) != 1 or documents[0].data is None:
        raise InputError("a contract is one YAML mapping", Place(file))
    document = documents[0]
    try:
        contract = Contract.model_validate(document.data)
    except ValidationError as invalid:
        raise _explain(invalid, document) from None
    _check_instruments(contract, document)
    _check_values(contract, document)
    _check_names(contract, document)
    _check_conditions(contract, document)
    return contract


def _explain(invalid: ValidationError, document: Document) -> InputError:
    errors = invalid.errors(include_url=False)
    error = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    path = tuple(step for step in error["loc"] if step != "[key]")
    place = document.place(path[:-1] if error["type"] == "missing" else path)
    known = Contract.model_fields if len(path) == 1 else Metric.model_fields
    return explain_misfit(error, place, known)


def _check_instruments(contract: Contract, document: Document) -> None:
    for name, metric in contract.metrics.items():
        if name not in INSTRUMENTS:
            raise unknown_name("instrument", name, INSTRUMENTS, document.place(("metrics", name)))
        known, path = INSTRUMENTS[name].labels, ("metrics", name, "labels")
        for label in metric.labels:
            if label not in known:
                raise unknown_name(f"label of {name}", label, known, document.place((*path, label)))
        missing = [label for label in known if label not in metric.labels]
        if missing:
            raise InputError(f"leaves out the label '{missing[0]}' of {name}", document.place(path))
    for target in contract.targets:
        processes = {instrument.process for instrument in INSTRUMENTS.values()}
        if target not in processes:
            raise unknown_name("target", target, processes, document.place(("targets", target)))


def _check_values(contract: Contract, document: Document) -> None:
    """Refuse values of labels that do not exist, and those that would make one series of two."""
    for name, metric in contract.metrics.items():
        instrument, path = INSTRUMENTS[name], ("metrics", name, "values")
        for label, values in metric.values.items():
            if label not in instrument.labels:
                raise unknown_name(f"label of {name}", label, instrument.labels, document.place((*path, label)))
            known = instrument.values_of(label)
            for own, called in values.items():
                place = document.place((*path, label, own))
                if known and own not in known:
                    raise unknown_name(f"value of {name}'s {label}", own, known, place)
                others = [metric.value(label, other) for other in {*known, *values} - {own}]
                if called in others:
                    problem = f"two values of {name}'s {label} would be called '{called}'"
                    raise InputError(problem, place, "give each a name of its own: what they count stays apart")


def _check_names(contract: Contract, document: Document) -> None:
    """Refuse names that would make one series of two."""
    taken = {"up": "every target"}
    for name, metric in contract.metrics.items():
        place = document.place(("metrics", name, "name"))
        for sample in {metric.name, *contract.metric_names(name)}:
            if sample in taken:
                raise InputError(f"the name {sample} is that of {taken[sample]} already", place)
            taken[sample] = name
        names = [*metric.labels.values(), *contract.targets.get(INSTRUMENTS[name].process, {})]
        for label in names:
            if names.count(label) > 1:
                problem = f"the label '{label}' is there twice, counting those of the target"
                raise InputError(problem, document.place(("metrics", name, "labels")))
    targets = list(contract.targets.values())
    for index, target in enumerate(contract.targets):
        if targets.index(targets[index]) != index:
            raise InputError("has the labels of another target", document.place(("targets", target)))


def _check_conditions(contract: Contract, document: Document) -> None:
    for knob, raw in contract.conditions.items():
        place = document.place(("conditions", knob))
        try:
            parse_knob(knob, raw, place)
        except ValueError as error:
            raise InputError(str(error), place) from None
        if KNOBS[knob].live_only:
            hint = "put it on the timeline of a scenario"
            raise InputError(f"{knob} is about one live process, and no part of a contract", place, hint)
