"""Ratios that clients in a loop dilute: who is let in and thrown out again counts as a success each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.behaviour.reachability import base_rate
from simulator.audit.behaviour.study import Edge, by_ratio, seek
from simulator.audit.behaviour.traffic import Strike
from simulator.audit.finding import Finding, Kind, where_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.staging import Play, Stage
    from simulator.audit.behaviour.traffic import Flow, Traffic

DILUTED = Kind(
    "diluted-ratio",
    "warning",
    "Clients that are let in and thrown out again push the ratio down.",
    "A client in a loop after the handshake is without service, and each round of it counts as a success: the more "
    "clients "
    "are in trouble, the better the ratio looks.",
)
KINDS = (DILUTED,)
FACTOR = 2.0
"""How many times as many clients have to be refused for the rule to fire, before it is mentioned."""
GRAVE_SHARE = 0.1
"""From this share of refused clients that go unseen on, it is more than a note."""


def study_dilution(
    stage: Stage, refused: Flow, traffic: Traffic
) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Refuse a share of the clients, with the others well and with the others in a loop, and find who is seen."""
    fault = traffic.dilution()
    if fault is None or not stage.shape.is_ratio or not stage.shape.counts:
        return []
    looping = traffic.under(Strike(fault, 1.0))
    rates = [base_rate(stage, flow) for flow in (refused, traffic.calm(), looping)]
    if min(rates) <= 0 or rates[2] < FACTOR * rates[1]:
        return []
    well = yield from _least_share(stage, rates[0], rates[1])
    loop = yield from _least_share(stage, rates[0], rates[2])
    if loop.above < FACTOR * well.above or well.above >= 1:
        return []
    between = (well.above * loop.below) ** 0.5
    seen, unseen = yield [stage.trial(_mixed(stage, between, rates[0], others)) for others in rates[1:]]
    if not seen.fired or unseen.fired:
        return []
    name, clients = refused.strikes[0].fault, refused.clients
    return [
        DILUTED.at(
            where_of(stage.rule),
            f"{name} fires it when it refuses {well.above:.1%} of the clients while the others are well, and has to "
            f"refuse "
            f"{loop.above:.1%} while the others are in a loop",
            evidence=(
                (
                    f"simulated, scaled to {clients} clients: all refused make {rates[0]:.3g} handshakes a second, all "
                    f"well "
                    f"{rates[1]:.3g}, all in a loop ({fault}) {rates[2]:.3g}"
                ),
                f"{between:.1%} refused: it fires with the others well, and not with the others in a loop",
            ),
            suggestion="add a rule on the number of failures itself, beside the ratio",
            experiment=experiment_of(
                unseen, f"{between:.1%} of the clients are refused, the others loop, and {stage.rule.alert} never fires"
            ),
            severity="warning" if loop.above >= GRAVE_SHARE else "info",
        )
    ]


def _least_share(stage: Stage, refused: float, others: float) -> Generator[Sequence[Trial], list[Outcome], Edge]:
    """Find the share of the clients that has to be refused for the rule to fire."""
    return (
        yield from seek(
            lambda share: [stage.trial(_mixed(stage, share, refused, others))],
            lambda found: found[0].fired,
            by_ratio(1.02),
            Edge(1e-5, 1.0),
        )
    )


def _mixed(stage: Stage, share: float, refused: float, others: float) -> Play:
    """Return a fault that refuses a share of the clients; rates are of all clients, per second."""
    failing, going = share * refused, (1 - share) * others
    return stage.play(strength=failing + going, failing=failing / (failing + going))
