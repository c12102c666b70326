"""Runbooks: the anchors of their headings, and the criteria in their front matter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from simulator.documents import explain_misfit, parse_documents
from simulator.durations import parse_duration
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.documents import Document

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_HTML_ANCHOR = re.compile(r"<a\s[^>]*?(?:name|id)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_HOSTED = re.compile(r"https?://[^/]+/[^/]+/[^/]+/(?:-/)?(?:blob|tree|raw)/[^/]+/(.*)")


class Criterion(BaseModel):
    """When an incident is over (`exit`), or is to be passed on (`escalate`): a bound that holds for a time.

    The bound is in the unit of the alert's own expression, left of its comparison; `metric` is such an expression.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alert: str | None = None
    metric: str | None = None
    kind: Literal["exit", "escalate"]
    above: float | None = None
    below: float | None = None
    for_seconds: Annotated[float, Field(alias="for"), BeforeValidator(parse_duration)] = 0.0

    @model_validator(mode="after")
    def _one_of_each(self) -> Criterion:
        if (self.alert is None) == (self.metric is None):
            raise ValueError("a criterion is about one of 'alert' and 'metric'")
        if (self.above is None) == (self.below is None):
            raise ValueError("a criterion has one of 'above' and 'below'")
        return self

    @property
    def bound(self) -> float:
        """The number of `above` or `below`."""
        bound = self.above if self.below is None else self.below
        assert bound is not None  # one of the two, by the check above
        return bound


@dataclass(frozen=True, slots=True)
class PlacedCriterion:
    """A criterion, and the line of the runbook that has it."""

    criterion: Criterion
    file: Path
    line: int | None


@dataclass(frozen=True)
class Runbook:
    """One Markdown file: the anchors that a link may name, and its criteria."""

    file: Path
    anchors: frozenset[str]
    criteria: tuple[PlacedCriterion, ...]


@dataclass(frozen=True)
class Runbooks:
    """Every Markdown file of a folder."""

    folder: Path
    books: tuple[Runbook, ...]

    @cached_property
    def criteria(self) -> tuple[PlacedCriterion, ...]:
        """Return every criterion, in the order of the files."""
        return tuple(one for book in self.books for one in book.criteria)

    def find(self, path: str) -> Path | None:
        """Return the file that a link's path means: in the folder, with or without the path's first parts."""
        parts = Path(path.lstrip("/")).parts
        known = {book.file for book in self.books}
        for first in range(len(parts)):
            file = self.folder.joinpath(*parts[first:])
            if file in known or file.is_file():
                return file
        return None

    def namesakes(self, path: str) -> tuple[Path, ...]:
        """Return files of that name that stand elsewhere in the folder."""
        return tuple(book.file for book in self.books if book.file.name == Path(path).name)

    def anchors(self, file: Path) -> frozenset[str] | None:
        """Return the anchors of a file, None where it is no Markdown."""
        return next((book.anchors for book in self.books if book.file == file), None)


def load_runbooks(folder: Path) -> Runbooks:
    """Read every Markdown file below a folder.

    Raises:
        InputError: there is none, or the front matter of one does not fit.
    """
    if not folder.is_dir():
        raise InputError("is not a folder" if folder.exists() else "no such folder", Place(folder))
    books = tuple(_load(file) for file in sorted(folder.rglob("*.md")) if file.is_file())
    if not books:
        raise InputError("no runbook (*.md) in there", Place(folder))
    return Runbooks(folder, books)


def split_link(link: str) -> tuple[str | None, str]:
    """Return path and anchor of a runbook link; no path for an address that is not a file of some repository."""
    path, _, anchor = link.partition("#")
    hosted = _HOSTED.fullmatch(path)
    if hosted is not None:
        path = hosted[1]
    return (None if "://" in path else unquote(path)), unquote(anchor)


def anchors_of(text: str) -> frozenset[str]:
    """Return the anchors of a Markdown text as GitHub makes them: of its headings, and of `<a name>`."""
    found: dict[str, None] = {}
    for heading in _headings(text):
        slug = _slug(heading)
        anchor, repeat = slug, 0
        while anchor in found:
            repeat += 1
            anchor = f"{slug}-{repeat}"
        found[anchor] = None
    return frozenset(found) | frozenset(_HTML_ANCHOR.findall(text))


def _load(file: Path) -> Runbook:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", Place(file)) from None
    matter, body = _split_matter(text)
    return Runbook(file, anchors_of(body), tuple(_criteria(matter, file)))


def _split_matter(text: str) -> tuple[str, str]:
    """Return front matter and body; the matter keeps the line numbers of the file."""
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        return "", text
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        return "", text
    return "\n" + "".join(lines[1:end]), "".join(lines[end + 1 :])


def _headings(text: str) -> Iterator[str]:
    fence, before = "", ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found is not None and (not fence or (found[1][0] == fence[0] and len(found[1]) >= len(fence))):
            fence = "" if fence else found[1]
        elif not fence:
            heading = _HEADING.match(line)
            if heading is not None:
                yield heading[1]
            elif (
                _UNDERLINE.match(line) and before.strip() and not before.lstrip().startswith(("#", "-", "*", ">", "|"))
            ):
                yield before.strip()
        before = "" if fence else line


def _slug(heading: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # a link shows its text
    text = re.sub(r"<[^>]+>", "", text)
    text = re.sub(r"(?<![\w`])_(\S(?:.*?\S)?)_(?![\w`])", r"\1", text)  # emphasis
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _criteria(matter: str, file: Path) -> Iterator[PlacedCriterion]:
    documents = parse_documents(matter, file) if matter.strip() else []
    data = documents[0].data if documents else None
    entries = data.get("criteria") if isinstance(data, dict) else None
    if entries is None:
        return
    if not isinstance(entries, list):
        raise InputError("must be a list of criteria", documents[0].place(("criteria",)))
    for index, entry in enumerate(entries):
        path = ("criteria", index)
        yield PlacedCriterion(_criterion(entry, documents[0], path), file, documents[0].line_of(path))


def _criterion(entry: Any, document: Document, path: tuple[str, int]) -> Criterion:
    try:
        return Criterion.model_validate(entry)
    except ValidationError as invalid:
        error = invalid.errors(include_url=False)[0]
        place = document.place(path if error["type"] in ("missing", "value_error") else (*path, *error["loc"]))
        raise explain_misfit(error, place, ("alert", "metric", "kind", "above", "below", "for")) from None
