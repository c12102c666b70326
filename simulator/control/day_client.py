"""A client of the control API for a game day's people, as the console uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from simulator.control import day_models as models
from simulator.control.api_client import ApiClient
from simulator.control.api_models import Begun

if TYPE_CHECKING:
    from typing import Any


class OnCallClient(ApiClient):
    """What a participant's token opens."""

    def oncall(self) -> models.OnCallInfo:
        """Return the game day as those who are on call see it."""
        return self._ask("GET", "/oncall", models.OnCallInfo)

    def series(self, since: float) -> models.SeriesPage:
        """Return the points of the charts after a time in seconds since the run's start."""
        return self._ask("GET", f"/oncall/series?since={since:.3f}", models.SeriesPage)

    def runbook(self, key: str) -> models.ChapterInfo:
        """Return the runbook's chapter of an alert, by its key."""
        return self._ask("GET", f"/oncall/runbook?{urlencode({'alert': key})}", models.ChapterInfo)

    def act(self, who: str, what: str, text: str = "", about: str = "") -> models.ActionInfo:
        """Write down what a participant did."""
        body = {"who": who, "what": what, "text": text, "about": about}
        return self._ask("POST", "/oncall/actions", models.ActionInfo, body)


class FacilitatorClient(OnCallClient):
    """What the run's token opens."""

    def gameday(self) -> models.GamedayInfo:
        """Return the game day as facilitators see it."""
        return self._ask("GET", "/gameday", models.GamedayInfo)

    def invitation(self) -> models.InvitationInfo:
        """Return the token that participants join with."""
        return self._ask("GET", "/gameday/invitation", models.InvitationInfo)

    def write_down(  # what an action has
        self, who: str, what: str, text: str = "", about: str = "", *, shared: bool = False
    ) -> models.ActionInfo:
        """Write down what a facilitator did."""
        body = {"who": who, "what": what, "text": text, "about": about, "shared": shared}
        return self._ask("POST", "/gameday/actions", models.ActionInfo, body)

    def hint(self, who: str, text: str) -> models.ActionInfo:
        """Give participants a hint."""
        return self._ask("POST", "/gameday/hints", models.ActionInfo, {"who": who, "text": text})

    def reveal(self, who: str, injection: str | None = None) -> models.ActionInfo:
        """Let participants know of one injection, or of all."""
        return self._ask("POST", "/gameday/reveal", models.ActionInfo, {"who": who, "injection": injection})

    def prepare(self, title: str, injection: dict[str, Any]) -> models.PreparedInfo:
        """Keep an injection ready; it has the keys of `InjectionRequest`."""
        return self._ask("POST", "/gameday/prepared", models.PreparedInfo, {"title": title, "injection": injection})

    def begin_prepared(self, prepared: str) -> str:
        """Begin what was prepared, and return the injection's id."""
        return self._ask("POST", f"/gameday/prepared/{quote(prepared, safe='')}/begin", Begun).id

    def drop_prepared(self, prepared: str) -> models.PreparedInfo:
        """Forget what was prepared."""
        return self._ask("DELETE", f"/gameday/prepared/{quote(prepared, safe='')}", models.PreparedInfo)
