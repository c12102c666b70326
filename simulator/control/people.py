"""What people do in a game day: acknowledge, note, mitigate, ask for hints; and what is kept from participants."""

from __future__ import annotations

from collections import deque
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from simulator.control.controller import Refused
from simulator.control.day_models import ActionInfo, PreparedInfo, ToldInfo
from simulator.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.control.api_models import InjectionRequest
    from simulator.control.controller import Event
    from simulator.control.day_models import Role, What
    from simulator.control.desk import Desk, Entry

MOST_ACTIONS = 2000
MOST_PREPARED = 50
MOST_KEPT_INJECTIONS = 1000


class People:
    """Who did what, in order, and which injections participants may know of; several threads may use it.

    Every action stands in the desk's journal, too, as an event `action`.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = Lock()
        # Of its own, for the desk speaks while it holds its lock, and `begin` asks the desk while it holds the other.
        self._told_lock = Lock()
        self._numbers = count(1)
        self._actions: deque[ActionInfo] = deque(maxlen=MOST_ACTIONS)
        self._prepared: dict[str, PreparedInfo] = {}
        self._told: dict[str, ToldInfo] = {}
        self._all_revealed = False
        desk.listen(self._hear)

    # --- what happened

    def act(  # noqa: PLR0913  # what an action has
        self, role: Role, who: str, what: What, text: str = "", about: str = "", *, shared: bool = True
    ) -> ActionInfo:
        """Write down what somebody did, and return it."""
        with self._lock:
            action = ActionInfo(
                serial=next(self._numbers),
                at_s=round(self._desk.now, 3),
                role=role,
                who=who,
                what=what,
                text=text,
                about=about,
                shared=shared,
            )
            self._actions.append(action)
        self._desk.note("action", role=role, who=who, what=what, text=text, about=about, shared=shared)
        return action

    def actions(self, *, for_participants: bool) -> tuple[ActionInfo, ...]:
        """Return what was done, oldest first; for participants only what is shared with them."""
        with self._lock:
            return tuple(action for action in self._actions if action.shared or not for_participants)

    # --- injections, and who knows of them

    def injections(self, *, for_participants: bool) -> tuple[ToldInfo, ...]:
        """Return the injections that began, oldest first; for participants only those that were revealed."""
        with self._told_lock:
            return tuple(told for told in self._told.values() if told.revealed or not for_participants)

    @property
    def all_revealed(self) -> bool:
        """Whether everything was revealed, what is yet to come included."""
        with self._told_lock:
            return self._all_revealed

    def reveal(self, who: str, injection: str | None) -> ActionInfo:
        """Let participants know of one injection, or of all of them and of those to come.

        Raises:
            InputError: none that began has that id.
        """
        with self._told_lock:
            if injection is not None and injection not in self._told:
                raise unknown_name("injection", injection, self._told)
            self._all_revealed = self._all_revealed or injection is None
            for key in list(self._told) if injection is None else [injection]:
                self._told[key] = self._told[key].model_copy(update={"revealed": True})
        return self.act("facilitator", who, "reveal", about=injection or "")

    # --- blind injections

    def prepare(self, title: str, request: InjectionRequest) -> PreparedInfo:
        """Keep an injection ready.

        Raises:
            Refused: there are too many.
        """
        with self._lock:
            if len(self._prepared) >= MOST_PREPARED:
                raise Refused(f"there are {MOST_PREPARED} prepared injections already", hint="remove some first")
            prepared = PreparedInfo(id=f"prepared-{next(self._numbers)}", title=title, request=request)
            self._prepared[prepared.id] = prepared
        return prepared

    def prepared(self) -> tuple[PreparedInfo, ...]:
        """Return what was made ready, begun or not."""
        with self._lock:
            return tuple(self._prepared.values())

    def begin(self, prepared_id: str, inject: Callable[[InjectionRequest], str]) -> str:
        """Begin what was prepared, with a function that injects, and return the injection's id.

        Raises:
            Refused: it has begun already, or cannot now.
        """
        with self._lock:
            prepared = self._prepared[prepared_id]
            if prepared.injection is not None:
                raise Refused(f"'{prepared.title}' has begun already, as {prepared.injection}")
            begun = inject(prepared.request)
            self._prepared[prepared_id] = prepared.model_copy(update={"injection": begun})
        return begun

    def drop(self, prepared_id: str) -> PreparedInfo:
        """Forget what was prepared, and return it; what has begun goes on."""
        with self._lock:
            return self._prepared.pop(prepared_id)

    # --- what the desk says; it holds its lock meanwhile, so nothing here may ask it anything

    def _hear(self, entry: Entry) -> None:
        event = entry.event
        key = str(event.details.get("injection", ""))
        with self._told_lock:
            if event.event == "injection_started":
                self._told[key] = _tell(event, key, revealed=self._all_revealed)
                for oldest in list(self._told)[:-MOST_KEPT_INJECTIONS]:
                    del self._told[oldest]
            elif event.event == "injection_ended" and key in self._told:
                self._told[key] = self._told[key].model_copy(update={"ended_s": event.at})


def _tell(event: Event, key: str, *, revealed: bool) -> ToldInfo:
    details, until = event.details, event.details["until_s"]
    return ToldInfo(
        id=key,
        fault=details["fault"],
        level=details["level"],
        share=details["share"],
        began_s=event.at,
        ended_s=event.at if until is not None and until <= event.at else None,
        revealed=revealed,
    )
