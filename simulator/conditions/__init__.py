"""Everything about the system that can go wrong, as values.

A *knob* is one setting of the sync system. `Settings` holds every knob's value for one client, `Conditions` holds
them for all: a baseline, and variations that give some knobs another value for a `Share` of the clients. A `Fault`
is a pure function on conditions; the conditions in force are the baseline folded through the active faults.
"""

from simulator.conditions.fault import (
    CloseConnections,
    DropConnections,
    Fault,
    Impulse,
    LoseCursors,
    PurgeTopics,
    ResetCounters,
    ResetExporter,
    ResetSequences,
    RevokeSessions,
    description_of,
    parse_parameters,
    summary_of,
)
from simulator.conditions.knobs import KNOBS, Defect, Knob, Settings, parse_knob
from simulator.conditions.share import EVERYONE, Population, Share
from simulator.conditions.value import (
    CloseCode,
    Pairs,
    Seconds,
    Setting,
    Word,
    Words,
    is_close_code,
    parse_value,
    setting,
    settings_of,
)
from simulator.conditions.varied import Conditions, Variation, knobs_of, vary_interval

__all__ = [
    "EVERYONE",
    "KNOBS",
    "CloseCode",
    "CloseConnections",
    "Conditions",
    "Defect",
    "DropConnections",
    "Fault",
    "Impulse",
    "Knob",
    "LoseCursors",
    "Pairs",
    "Population",
    "PurgeTopics",
    "ResetCounters",
    "ResetExporter",
    "ResetSequences",
    "RevokeSessions",
    "Seconds",
    "Setting",
    "Settings",
    "Share",
    "Variation",
    "Word",
    "Words",
    "description_of",
    "is_close_code",
    "knobs_of",
    "parse_knob",
    "parse_parameters",
    "parse_value",
    "setting",
    "settings_of",
    "summary_of",
    "vary_interval",
]
