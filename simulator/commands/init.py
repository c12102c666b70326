"""`syncstorm init` and `syncstorm secrets`: the files that a user begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator.control.secrets_file import write_secrets
from simulator.errors import InputError, Place
from simulator.shipped import data_folder

_FILES = {
    "README.md": "README.md",
    "rules.yaml": "rules.yaml",
    "contract.yaml": "contract.yaml",
    "scenarios/token-outage.yaml": "scenarios/token-outage.yaml",
    "scenarios/quiet-hour.yaml": "scenarios/quiet-hour.yaml",
    "runbook.md": "runbook.md",
    "docker-compose.yml": "docker-compose.yml",
    "Dockerfile": "Dockerfile",
    "prometheus.yml": "prometheus.yml",
    ".github/workflows/alerts.yml": "workflow.yml",
    ".gitignore": "gitignore",
}
"""What is written, and the file of the shipped project that it comes from."""


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command()
    def init(
        folder: Annotated[
            Path, typer.Argument(metavar="DIR", help="A folder that is new, or has none of these files.")
        ],
    ) -> None:
        """Write a starting folder of your own: rules, contract, scenarios, runbook, compose and CI."""
        console = Console(highlight=False, soft_wrap=True)
        for file in write_project(folder):
            console.print(f"wrote {file}", markup=False)
        console.print(f"\nNext: cd {folder} && syncstorm rehearse scenarios/token-outage.yaml", markup=False)

    @app.command()
    def secrets(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where docker-compose.yml is.")] = Path(),
        *,
        force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    ) -> None:
        """Make the `.env` with new secrets that docker compose needs."""
        Console().print(f"wrote {write_secrets(folder / '.env', force=force)}", markup=False)


def write_project(folder: Path) -> list[Path]:
    """Write the starting folder, and return its files.

    Raises:
        InputError: one of them is there already, and none was written then; or it cannot be written there.
    """
    files = [folder / name for name in _FILES]
    there = next((file for file in files if file.exists() or file.is_symlink()), None)
    if there is not None:
        raise InputError("is there already", Place(there), "choose a folder that has none of these files")
    source = data_folder() / "project"
    try:
        for file, template in zip(files, _FILES.values(), strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as out:
                out.write((source / template).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror}", Place(folder)) from None
    return files
