"""The processes of a game day, and what each of them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.conditions import Conditions
from simulator.drivers.live.issuer import derive_access
from simulator.gameday.spec import NodeSpec, time_now

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.gameday.options import Options
    from simulator.rehearsal import Rehearsal


class Cast:
    """What the processes of one game day have in common, and what not; none of them is told more than it needs."""

    def __init__(self, rehearsal: Rehearsal, options: Options, run_secret: bytes, bus_token: str) -> None:
        plan = rehearsal.plan
        self._plan = plan
        self._profiles = rehearsal.loaded.scenario.fleet.profiles
        self._options = options
        self._run_secret = run_secret
        self._bus = {} if options.bus_url is None else {"bus_url": options.bus_url, "bus_token": bus_token}
        self._common: dict[str, Any] = {
            "seed": plan.seed,
            "clients": len(plan.fleet.profiles),
            "conditions": Conditions(self.baseline).to_dict(),
            "topics": plan.fleet.habits.topics,
            "contract_names": rehearsal.contract.model_dump()["metrics"],
            "initialise_series": plan.initialise_series,
        }

    @property
    def baseline(self) -> Settings:
        """The conditions without any fault."""
        return self._plan.steps[0].conditions.baseline

    def server(self) -> NodeSpec:
        """Return what the sync server is told."""
        rate = self._plan.fleet.publish_rate
        return self._spec(
            "server", **self._secret(), host=self._options.host, port=self._options.port, publish_rate=rate, **self._bus
        )

    def issuer(self) -> NodeSpec:
        """Return what the token endpoint is told."""
        return self._spec("issuer", **self._secret(), host=self._options.host, port=self._options.token_port)

    def fleet(self, members: range, url: str, token_url: str) -> NodeSpec:
        """Return what the clients that run here are told."""
        fleet = self._plan.fleet
        return self._spec(
            "fleet",
            access=derive_access(self._run_secret),
            url=url,
            token_url=token_url,
            members=(members.start, members.stop),
            profiles=self._profiles,
            session_lifetime_seconds=fleet.habits.session_lifetime_seconds,
            offline_seconds=fleet.habits.offline_seconds,
            ramp_seconds=fleet.ramp_seconds,
        )

    def _secret(self) -> dict[str, str]:
        return {"run_secret": self._run_secret.hex()}

    def _spec(self, role: str, **own: object) -> NodeSpec:
        return NodeSpec.model_validate({"role": role, **self._common, **time_now(), **own})
