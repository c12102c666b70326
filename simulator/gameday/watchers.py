"""Who watches a game day: a Prometheus and an Alertmanager of our own, or the user's Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.alertmanager import PrivateAlertmanager
from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.routing import default_routing, rewrite_routing
from simulator.alerting.scraping import LivePrometheus, Target
from simulator.alerting.webhook import Webhook
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack

    from simulator.alerting.contract import Contract
    from simulator.alerting.routing import Routing
    from simulator.alerting.watching import WatchingPrometheus
    from simulator.gameday.ledger import Ledger
    from simulator.gameday.options import Options
    from simulator.gameday.processes import NodeProcess
    from simulator.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches: a Prometheus, and, unless it is the user's own, the Alertmanager and the receivers behind it."""

    prometheus: WatchingPrometheus
    alertmanager: PrivateAlertmanager | None = None
    webhook: Webhook | None = None

    @property
    def tells_receivers(self) -> bool:
        """Whether whoever is told is ours, so that the ledger has it."""
        return self.webhook is not None

    def undelivered(self) -> tuple[str, ...]:
        """Return why somebody may not have been told; a user's own Alertmanager is none of our business."""
        if self.alertmanager is None or self.webhook is None:
            return ()
        try:
            return (*self.alertmanager.complaints(), *self.webhook.complaints)
        except EngineError as error:
            return (str(error),)


def addresses_to_watch(contract: Contract, options: Options, nodes: Sequence[NodeProcess]) -> dict[str, str]:
    """Return where each process is scraped, by its role; the fleet only if the contract has what clients tell."""
    host = {"fleet": "127.0.0.1"}
    return {
        node.role: f"{host.get(node.role, options.near_host)}:{node.port}"
        for node in nodes
        if node.role != "fleet" or contract.reads("fleet")
    }


def start_watching(
    stack: ExitStack, rehearsal: Rehearsal, options: Options, ledger: Ledger, addresses: Mapping[str, str]
) -> Watch:
    """Start what scrapes the processes at some addresses, evaluates the rules and routes the alerts.

    Raises:
        InputError: the user's Alertmanager file, rules or Prometheus do not fit.
        EngineError: a part did not start.
    """
    contract, monitoring = rehearsal.contract, rehearsal.loaded.scenario.monitoring
    if options.prometheus_url is not None:
        labels = tuple(contract.targets.get(process, {}) for process in addresses)
        return Watch(stack.enter_context(UserPrometheus(options.prometheus_url, targets=labels)))
    webhook = stack.enter_context(Webhook(ledger.take_notification))
    alertmanager = stack.enter_context(PrivateAlertmanager(_route(options, webhook.url, ledger)))
    targets = tuple(
        Target(address, contract.targets.get(process, {"job": "syncstorm", "instance": process}))
        for process, address in addresses.items()
    )
    prometheus = stack.enter_context(
        LivePrometheus(
            targets,
            rehearsal.ruleset,
            scrape_interval_seconds=monitoring.scrape_interval,
            evaluation_interval_seconds=monitoring.evaluation_interval,
            alertmanager_address=alertmanager.address,
        )
    )
    return Watch(prometheus, alertmanager, webhook)


def _route(options: Options, url: str, ledger: Ledger) -> Routing:
    file = options.alertmanager_file
    if file is None:
        return default_routing(url)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", Place(file)) from None
    routing = rewrite_routing(text, url, file)
    for note in routing.notes:
        ledger.note("routing_note", note=note)
    return routing
