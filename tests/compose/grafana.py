"""What stands in for Grafana where no registry can be reached: it answers /api/health, and draws nothing.

It refuses to be healthy where what Grafana would read is missing or does not parse.
"""  # runs in a container that has nothing but Python

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path("/etc/grafana")


def find_trouble() -> str | None:
    """Return what Grafana would stumble over."""
    if not os.environ.get("GF_SECURITY_ADMIN_PASSWORD"):
        return "no password"
    wanted = [FOLDER / "provisioning" / "datasources", FOLDER / "provisioning" / "dashboards", FOLDER / "dashboards"]
    for folder in wanted:
        if not any(folder.iterdir()):
            return f"nothing in {folder}"
    for file in (FOLDER / "dashboards").glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"))
    (Path("/var/lib/grafana") / "grafana.db").touch()
    return None


class Handler(BaseHTTPRequestHandler):
    """Answers /api/health as Grafana does."""

    def do_GET(self) -> None:
        """Say whether everything that Grafana would read is there."""
        try:
            trouble = find_trouble()
        except (OSError, ValueError) as error:
            trouble = str(error)
        status = 404 if self.path != "/api/health" else 503 if trouble else 200
        body = json.dumps({"database": trouble or "ok", "version": "stand-in"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
