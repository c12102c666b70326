"""The ground truth of silent losses: which clients lost events, or wait for them, and were told nothing.

No metric of the original shows these, so no alert can; the simulator knows them, as it knows what was published. A
`stale_cursor` is a signal, and so is the end of a socket. What the server has sent counts as received.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.core.log import Event, EventLog, Topic
    from simulator.core.session import ChannelSession

SILENT_LOSSES = {
    "purged_gap": "events were deleted before the client had them, and its cursor was taken for good",
    "future_cursor": "events came under watermarks that the client's cursor, from another sequence, was past already",
    "skipped_events": "the client was sent later events, and will not be sent these any more",
    "starved": "the client was subscribed for more than a minute to a topic that had something for it",
}
"""The kinds of silent loss, and what each means."""

STARVED_SECONDS = 60.0
_LATER_SECONDS = 0.001
"""What a live system may be late: a channel that ends for a silence of a minute was not starved longer than that."""

_SUBJECT = re.compile(r"user:([0-9]{1,9})", re.ASCII)


class Losses:
    """Watches sessions and the log, and keeps per kind of loss the token subjects that it struck."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._struck: dict[str, set[str]] = {kind: set() for kind in SILENT_LOSSES}
        self._sessions: dict[ChannelSession, None] = {}
        self._marks: dict[str, dict[str, int]] = {}
        self._foreign: dict[tuple[str, str], tuple[int, int]] = {}

    # --- what sessions do

    def on_resume(self, session: ChannelSession, topic: str, cursor: int) -> None:
        """A session resumes a topic from a cursor that was given, and nobody took it for stale."""
        log = self._log.topics[topic]
        if not self._foreign and cursor <= log.head and len(log):
            return
        if self._is_foreign(session.subject, topic, cursor):
            valid = self._foreign[session.subject, topic][1]
            if log.head > valid:
                self._strike("future_cursor", session)
        elif cursor > log.head:
            self._foreign[session.subject, topic] = (cursor, log.head)
        elif cursor < log.head and not len(log):
            self._strike("purged_gap", session)

    def on_subscribed(self, session: ChannelSession) -> None:
        """A session has a subscription that counts from now on."""
        self._sessions[session] = None

    def on_stale(self, session: ChannelSession, topic: str) -> None:
        """A session's client was told that its cursor is stale: it knows."""
        self._foreign.pop((session.subject, topic), None)

    def on_sent(self, now: float, session: ChannelSession, topic: str, first: Event) -> None:
        """A session is about to be sent a topic's events beyond its watermark; `first` is the first of them."""
        if first.watermark > session.watermarks[topic] + 1 and first.watermark > session.begins_after.get(topic, 0) + 1:
            self._strike("purged_gap" if self._log[topic].is_dense else "skipped_events", session)
        if _is_long(now - first.at) and _is_long(now - session.subscribed_at):
            self._strike("starved", session)

    def on_skipped(self, session: ChannelSession) -> None:
        """A session's client was sent events behind its back: others came first, or these were lost on the way."""
        self._strike("skipped_events", session)

    def on_end(self, now: float, session: ChannelSession) -> None:
        """A session ends; its client may come back with the cursor that it has now."""
        if self._sessions.pop(session, self) is None:
            self._look_for_hunger(now, session)
            self._marks.setdefault(session.subject, {}).update(session.watermarks)

    # --- what happens to the log

    def on_refused(self, topic: str) -> None:
        """An event was lost before it had a place in the log."""
        for session in self._subscribers(topic):
            self._strike("skipped_events", session)

    def on_stored(self, topic: str, watermark: int) -> None:
        """An event was stored: whoever stands at its watermark or beyond will not be sent it."""
        kind = "future_cursor" if watermark == self._log[topic].head else "skipped_events"
        if kind == "skipped_events":
            self._struck[kind].update(
                subject for subject, marks in self._marks.items() if marks.get(topic, 0) >= watermark
            )
        elif not self._foreign:
            return
        for session in self._subscribers(topic):
            if session.watermarks[topic] >= watermark:
                self._strike(kind, session)

    def on_taken_in(self, now: float, topic: str) -> None:
        """A topic's backlog is about to be taken into the log: its subscribers have waited for it."""
        published_at = self._log[topic].backlog[0][0]
        if not _is_long(now - published_at):
            return
        for session in self._subscribers(topic):
            if _is_long(now - max(published_at, session.subscribed_at)):
                self._strike("starved", session)

    def before_purge(self) -> frozenset[int]:
        """Everything in the log is about to be deleted; return the clients that do not have all of it."""
        heads = self._log.heads()
        return _numbers(
            subject
            for subject, marks in self._all_marks().items()
            if any(mark < heads[topic] for topic, mark in marks.items())
        )

    def on_gone_back(self, heads: dict[str, int]) -> frozenset[int]:
        """The log went back to earlier heads; return the clients whose cursors are ahead of them."""
        for key, (mark, valid) in self._foreign.items():
            self._foreign[key] = (mark, min(valid, heads[key[1]]))
        for session in self._sessions:
            for topic, after in session.begins_after.items():
                session.begins_after[topic] = min(after, heads[topic])
        found = set()
        for subject, marks in self._all_marks().items():
            for topic, mark in marks.items():
                if mark > heads[topic]:
                    found.add(subject)
                    if (subject, topic) not in self._foreign:
                        self._foreign[subject, topic] = (mark, heads[topic])
        return _numbers(found)

    # --- what it came to

    def found(self, now: float) -> dict[str, frozenset[int]]:
        """Return the clients of each kind of loss until now."""
        for session in self._sessions:
            self._look_for_hunger(now, session)
        return {kind: _numbers(subjects) for kind, subjects in self._struck.items()}

    def forget(self) -> None:
        """Begin anew with what was lost; who waits for something, or stands where nothing is, still does."""
        for subjects in self._struck.values():
            subjects.clear()

    # --- helpers

    def _is_foreign(self, subject: str, topic: str, cursor: int) -> bool:
        """Tell whether a client's cursor is from an earlier epoch; one that agrees with the present one is not."""
        found = self._foreign.get((subject, topic))
        if found is None:
            return False
        mark, valid = found
        if valid < cursor <= mark:
            return True
        del self._foreign[subject, topic]
        return False

    def _look_for_hunger(self, now: float, session: ChannelSession) -> None:
        topics = self._log.topics
        for name, mark in session.watermarks.items():
            topic = topics[name]
            if topic.head <= mark and not topic.backlog:
                continue
            since = _oldest_unsent(topic, mark)
            if since is not None and _is_long(now - max(since, session.subscribed_at)):
                self._strike("starved", session)

    def _subscribers(self, topic: str) -> list[ChannelSession]:
        return [session for session in self._sessions if topic in session.watermarks]

    def _all_marks(self) -> dict[str, dict[str, int]]:
        """Return how far each client has been sent each topic, as far as the server knows."""
        marks = dict(self._marks)
        for session in self._sessions:
            marks[session.subject] = {**marks.get(session.subject, {}), **session.watermarks}
        return marks

    def _strike(self, kind: str, session: ChannelSession) -> None:
        self._struck[kind].add(session.subject)


def _is_long(seconds: float) -> bool:
    return seconds > STARVED_SECONDS + _LATER_SECONDS


def _oldest_unsent(topic: Topic, mark: int) -> float | None:
    """Return when the oldest event that a session does not have was published; None if it has all."""
    event = topic.first_after(mark)
    if event is not None:
        return event.at
    return topic.backlog[0][0] if topic.backlog else None


def _numbers(subjects: Iterable[str]) -> frozenset[int]:
    """Return the client numbers in token subjects; who is none of the population's is left out."""
    found = (_SUBJECT.fullmatch(subject) for subject in subjects)
    return frozenset(int(match[1]) for match in found if match)
