"""What the console's process is told, on its standard input, so that no argument or environment shows a token."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ConsoleSpec(BaseModel):
    """Where the control API is, and with which tokens facilitators and participants come; port 0 is any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    token: str
    participant_token: str
    host: str = "127.0.0.1"
    port: int = 0
