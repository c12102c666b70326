"""The story of a rehearsal in order of time: injections begin and end, alerts become pending, fire and resolve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.durations import format_duration

if TYPE_CHECKING:
    from simulator.report.verdict import FailedScrapesEntry, Verdict


_AT_THE_END_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the story."""

    at: float
    event: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the timeline: stretches of time, each with its kind (`injected`, `pending`, `firing`, `blind`)."""

    label: str
    stretches: tuple[tuple[float, float, str], ...]


def tell(verdict: Verdict) -> list[Happening]:
    """Return everything that happened, in order of time."""
    story = []
    for entry in verdict.injections:
        reached = f"level {entry.level:g}, reached {entry.touched} of {verdict.clients} clients"
        momentary = entry.until_s == entry.at_s
        story.append(Happening(entry.at_s, "injected", entry.fault, reached))
        if not momentary:
            story.append(Happening(entry.until_s, "ended", entry.fault))
    for alert in verdict.alerts:
        for episode in alert.episodes:
            story.append(Happening(episode.pending_at_s, "pending", alert.alert))
            if episode.firing_at_s is not None:
                story.append(Happening(episode.firing_at_s, "FIRING", alert.alert))
            if episode.resolved_at_s is not None:
                word = "resolved" if episode.firing_at_s is not None else "dropped"
                story.append(Happening(episode.resolved_at_s, word, alert.alert))
        for start, end in alert.blind_s:
            story.append(Happening(start, "data gone", alert.alert))
            if end < verdict.duration_s - _AT_THE_END_SECONDS:
                story.append(Happening(end, "data back", alert.alert))
    for told in verdict.notifications:
        parts = ((told.firing, "firing"), (told.resolved, "resolved"))
        said = "; ".join(f"{', '.join(names)} {word}" for names, word in parts if names)
        story.append(Happening(told.at_s, "notified", told.receiver, said))
    return sorted(story, key=lambda happening: happening.at)


def tell_scrapes(entry: FailedScrapesEntry) -> str:
    """Return what became of a target's scrapes, in one line."""
    name = f"{entry.target.get('job', '')} at {entry.target.get('instance', '')}"
    when = f"from {format_duration(round(entry.first_s))} to {format_duration(round(entry.last_s))}"
    return f"{entry.failed} of {entry.scrapes} scrapes of {name} failed, {when}"


def draw_bars(verdict: Verdict) -> list[Bar]:
    """Return a row for each injection and for each alert that was ever active, or did not see its data for a while."""
    bars = [
        Bar(entry.id, ((entry.at_s, max(entry.until_s, entry.at_s + verdict.duration_s / 500), "injected"),))
        for entry in verdict.injections
    ]
    for alert in verdict.alerts:
        stretches = []
        for episode in alert.episodes:
            end = verdict.duration_s if episode.resolved_at_s is None else episode.resolved_at_s
            fired = episode.firing_at_s
            stretches.append((episode.pending_at_s, end if fired is None else fired, "pending"))
            if fired is not None:
                stretches.append((fired, end, "firing"))
        stretches += [(start, end, "blind") for start, end in alert.blind_s]
        if stretches:
            bars.append(Bar(alert.alert, tuple(stretches)))
    return bars
