"""The controller's desk: one lock, one clock and one journal for all who steer a live system, from any thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from simulator.control.controller import Event, Refused
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Conditions, Fault
    from simulator.control.controller import Controller
    from simulator.control.lease import NodeMessage
    from simulator.control.leased import LeasedInjection
    from simulator.control.state import HaltFile

JOURNAL_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of the journal with its number; numbers rise by one."""

    serial: int
    event: Event


class Desk:
    """A controller that several threads may use; what it does is journalled, and a halt is kept on disk.

    Nothing waits in here but for the lock and for the disk, so that it answers while a data plane is stuck.
    """

    def __init__(self, controller: Controller, clock: Callable[[], float], halt_file: HaltFile | None = None) -> None:
        self._controller = controller
        self._clock = clock
        self._halt_file = halt_file
        self._lock = RLock()
        self._disk_lock = Lock()
        self._halts = 0
        self._journal: deque[Entry] = deque(maxlen=JOURNAL_ENTRIES)
        self._written = 0
        self._listeners: list[Callable[[Entry], object]] = []
        self._wakers: list[Callable[[], object]] = []

    # --- what changes something

    def inject(self, fault_name: str, fault: Fault, **arguments: Any) -> str:
        """Begin an injection and return its id; the arguments are those of `Controller.inject`."""
        with self._lock:
            try:
                return self._controller.inject(self._clock(), fault_name, fault, **arguments)
            finally:
                self._take_events(wake=True)

    def clear(self, injection_id: str | None = None) -> tuple[str, ...]:
        """End one injection or all of them, and return their ids."""
        with self._lock:
            try:
                return self._controller.clear(self._clock(), injection_id)
            finally:
                self._take_events(wake=True)

    def renew(self, injection_id: str | None = None) -> tuple[str, ...]:
        """Renew one injection's lease, or those that the controller holds."""
        with self._lock:
            try:
                return self._controller.renew(self._clock(), injection_id)
            finally:
                self._take_events(wake=injection_id is not None)

    def halt(self) -> tuple[str, ...]:
        """End every injection and refuse new ones until `release`, also after a restart.

        First the faults end, then the disk is asked: a disk that is full or hangs does not keep them alive.
        """
        with self._lock:
            ended = self._controller.halt(self._clock())
            self._halts += 1
            self._take_events(wake=True)
        with self._disk_lock:
            try:
                self._save(halted=self.halted)
            except EngineError as error:
                self.note("halt_not_kept", problem=str(error))
        return ended

    def release(self) -> None:
        """Allow injections again.

        Raises:
            EngineError: that cannot be kept on disk; then all stays halted.
            Refused: somebody halted while it was being written.
        """
        with self._disk_lock:
            halts = self._halts
            self._save(halted=False)
            with self._lock:
                if self._halts != halts:
                    raise Refused("somebody has halted again meanwhile")
                self._controller.release(self._clock())
                self._take_events(wake=True)

    def message(self) -> NodeMessage:
        """Return the next message to the nodes."""
        with self._lock:
            message = self._controller.message(self._clock())
            self._take_events()
            return message

    def note(self, event: str, **details: Any) -> None:
        """Put an event of somebody else's into the journal."""
        with self._lock:
            self._write(Event(self._clock(), event, details))

    # --- what looks

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        return self._clock()

    @property
    def name(self) -> str:
        """The controller's id."""
        return self._controller.name

    @property
    def lease_seconds(self) -> float:
        """The lease that a message to the nodes carries."""
        return self._controller.lease_seconds

    @property
    def halted(self) -> bool:
        """Whether injections are refused."""
        with self._lock:
            return self._controller.halted

    def injections(self) -> tuple[LeasedInjection, ...]:
        """Return the injections in force."""
        with self._lock:
            return self._controller.injections(self._clock())

    def conditions(self) -> Conditions:
        """Return the conditions in force."""
        with self._lock:
            return self._controller.conditions(self._clock())

    def next_change(self) -> float | None:
        """Return when the conditions may change next if nobody does anything."""
        with self._lock:
            return self._controller.next_change(self._clock())

    def journal(self, since: int = 0, limit: int = JOURNAL_ENTRIES) -> list[Entry]:
        """Return the entries after the one numbered `since`, oldest first, as far as they are still kept."""
        with self._lock:
            self._take_events()
            later = [entry for entry in self._journal if entry.serial > since]
            return later[:limit]

    def listen(self, listener: Callable[[Entry], object]) -> Callable[[], None]:
        """Hand every entry of the journal to a listener, in order, until what is returned is called.

        It is called with the desk's lock held, so it must not wait.
        """
        return self._join(self._listeners, listener)

    def wake(self, waker: Callable[[], object]) -> Callable[[], None]:
        """Call a waker, from any thread, whenever somebody changed something, until what is returned is called."""
        return self._join(self._wakers, waker)

    def _join(self, members: list[Any], member: Any) -> Callable[[], None]:
        with self._lock:
            members.append(member)

        def leave() -> None:
            with self._lock:
                members.remove(member)

        return leave

    # --- events

    def _take_events(self, *, wake: bool = False) -> None:
        for event in self._controller.take_events(self._clock()):
            self._write(event)
        if wake:
            for waker in self._wakers:
                waker()

    def _write(self, event: Event) -> None:
        self._written += 1
        entry = Entry(self._written, event)
        self._journal.append(entry)
        for listener in self._listeners:
            listener(entry)

    def _save(self, *, halted: bool) -> None:
        if self._halt_file is not None:
            self._halt_file.save(halted=halted)
