"""A Prometheus that is somebody's own: it was there before the game day, and has its own rules and targets."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Self

from simulator.alerting.toolchain import find_tool
from tests.gameday.days import free_port
from tests.gameday.scenarios import RULES

if TYPE_CHECKING:
    from tests.gameday.days import Day


class OwnPrometheus:
    """Somebody's own Prometheus, which scrapes a game day at its ports and has rules of its own."""

    def __init__(self, day: Day) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = day.folder / "own"
        self._ports = day.ports

    def __enter__(self) -> Self:
        rules = self._folder / "rules" / "theirs.yaml"
        rules.parent.mkdir(parents=True)
        rules.write_text(RULES)
        labels = ("openagents-runtime", "sync-1"), ("openagents-laravel", "control-1")
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules/*.yaml"],
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": instance}}],
                }
                for port, (job, instance) in zip(self._ports, labels, strict=True)
            ],
        }
        (self._folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self._process = subprocess.Popen(
            [
                str(find_tool("prometheus").path),
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            cwd=self._folder,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def knows_its_targets(self) -> bool:
        """Tell whether it has found whom to scrape."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/targets", timeout=5) as answer:
                return len(json.load(answer)["data"]["activeTargets"]) == len(self._ports)
        except OSError:
            return False
