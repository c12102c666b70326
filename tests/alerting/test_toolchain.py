"""Finding Prometheus' programs, and fetching them with the real apt-get from a package archive made here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.toolchain import TOOLS, Tool, fetch_tools, find_tool
from simulator.errors import EngineError, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = {
    "prometheus": {"prometheus": "prometheus", "promtool": "promtool"},
    "prometheus-alertmanager": {"prometheus-alertmanager": "alertmanager"},
}
APT = ("apt-get", "dpkg", "dpkg-deb")
SYSTEM = {name: shutil.which(name) for name in (*APT, "tar", "rm", "sleep", "touch")}
needs_apt = pytest.mark.skipif(None in SYSTEM.values(), reason="needs apt and dpkg")


def program(file: Path, says: str, *, code: int = 0) -> Path:
    """Write a program that prints one line and exits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    file.chmod(0o755)
    return file


def good(folder: Path, *names: str, version: str = "2.42.0") -> None:
    """Write programs that answer as Prometheus' own do."""
    for name in names:
        program(folder / name, f"{name.removeprefix('prometheus-')}, version {version} (branch: HEAD)")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the whole PATH, an empty tools folder, and an empty current directory."""
    folder = tmp_path / "path"
    folder.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("SYNCSTORM_TOOLS", str(tmp_path / "tools"))
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Where the tools folder keeps programs."""
    return tmp_path / "tools" / "usr" / "bin"


def test_a_tool_on_path_is_found_with_its_version(path: Path) -> None:
    good(path, "promtool", version="3.5.0-rc.1+ds")

    assert find_tool("promtool") == Tool("promtool", path / "promtool", "3.5.0-rc.1+ds")


def test_path_wins_over_the_tools_folder(path: Path, tools: Path) -> None:
    good(path, "prometheus", version="3.0.0")
    good(tools, "prometheus", version="2.42.0")

    assert find_tool("prometheus").version == "3.0.0"


def test_the_tools_folder_serves_what_path_lacks(path: Path, tools: Path) -> None:
    good(path, "promtool")
    good(tools, "prometheus")

    assert find_tool("prometheus").path == tools / "prometheus"


@pytest.mark.parametrize("binary", ["alertmanager", "prometheus-alertmanager"])
def test_alertmanager_is_found_under_its_own_name_and_under_the_one_debian_gave_it(path: Path, binary: str) -> None:
    good(path, binary, version="0.25.0")

    assert find_tool("alertmanager") == Tool("alertmanager", path / binary, "0.25.0")


def test_without_the_variable_the_current_directory_is_searched(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCSTORM_TOOLS")
    here = path.parent / "here" / ".tools" / "usr" / "bin"
    good(here, "prometheus")

    assert find_tool("prometheus").path == here / "prometheus"


def test_a_replaced_program_is_asked_for_its_version_again(path: Path) -> None:
    good(path, "promtool", version="2.42.0")
    assert find_tool("promtool").version == "2.42.0"

    good(path, "promtool", version="2.53.0")
    os.utime(path / "promtool", (0, 0))

    assert find_tool("promtool").version == "2.53.0"


def test_a_program_is_asked_for_its_version_only_once(path: Path) -> None:
    count = path.parent / "count"
    program(path / "promtool", f"promtool, version 2.42.0' && echo asked >> '{count}")

    find_tool("promtool")
    find_tool("promtool")

    assert count.read_text() == "asked\n"


@pytest.mark.parametrize(
    ("installed", "name", "way"),
    [
        (("apt-get", "dpkg"), "promtool", "syncstorm doctor --fetch"),
        (("apt-get", "dpkg"), "alertmanager", "syncstorm doctor --fetch"),
        (("brew",), "prometheus", "brew install prometheus"),
        ((), "prometheus", "install Prometheus so that `prometheus` and `promtool` are on PATH"),
        (("brew",), "alertmanager", "install Alertmanager so that `alertmanager` is on PATH"),
    ],
)
def test_a_missing_tool_is_named_with_the_one_way_to_get_it_here(
    path: Path, installed: tuple[str, ...], name: str, way: str
) -> None:
    for other in installed:
        program(path / other, "")

    with pytest.raises(ToolMissing, match=rf"^{name} is not installed; .*{re.escape(way)}$"):
        find_tool(name)


def test_a_program_that_fails_is_named_with_what_it_said(path: Path) -> None:
    program(path / "prometheus", "cannot load library", code=127)

    with pytest.raises(EngineError, match=r"prometheus does not run: exit code 127: cannot load library"):
        find_tool("prometheus")


def test_a_program_for_another_machine_is_named(path: Path) -> None:
    (path / "prometheus").write_bytes(b"\x7fELF but not really")
    (path / "prometheus").chmod(0o755)

    with pytest.raises(EngineError, match=r"prometheus does not run: .*[Ee]xec"):
        find_tool("prometheus")


def test_another_program_of_the_same_name_is_not_taken_for_prometheus(path: Path) -> None:
    program(path / "prometheus", "Prometheus, the game, version 1.0")

    with pytest.raises(EngineError, match=r"is not Prometheus' prometheus: .*the game"):
        find_tool("prometheus")


@pytest.fixture
def archive(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package archive on this disk, and an apt that knows no other and has not read it yet.

    It is made of files, so that these tests run the real apt-get and dpkg without a network and without root.
    """
    root = path.parent
    # The system's own PATH may hold Prometheus, and then there would be nothing to fetch.
    (root / "bin").mkdir()
    for name, where in SYSTEM.items():
        if where is not None:
            (root / "bin" / name).symlink_to(where)
    monkeypatch.setenv("PATH", f"{path}:{root}/bin")
    folder = root / "archive"
    folder.mkdir()
    for package, programs in PACKAGES.items():
        build(folder, package, programs)
    index(folder)
    for needed in ("state/lists/partial", "cache/archives/partial", "etc"):
        (root / "apt" / needed).mkdir(parents=True)
    (root / "apt" / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    (root / "apt" / "apt.conf").write_text(
        f'Dir::State "{root}/apt/state";\n'
        f'Dir::Cache "{root}/apt/cache";\n'
        f'Dir::Etc::SourceList "{root}/apt/sources.list";\n'
        f'Dir::Etc::SourceParts "{root}/apt/etc";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(root / "apt" / "apt.conf"))
    return folder


def build(folder: Path, package: str, programs: dict[str, str], *, version: str = "2.42.0") -> None:
    """Build a Debian package of programs that answer as the real ones do."""
    tree = folder / "tree"
    good(tree / "usr" / "bin", *programs, version=version)
    (tree / "usr" / "share" / package).mkdir(parents=True)
    (tree / "usr" / "share" / package / "note").write_text("beside the programs\n")
    (tree / "usr" / "share" / package / "link").symlink_to("note")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {package}\nVersion: {version}-1\nArchitecture: all\nMaintainer: tests\nDescription: test\n"
    )
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, folder / f"{package}_{version}-1_all.deb"],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(tree)


def index(folder: Path) -> None:
    """Write the list of packages that apt reads."""
    entries = []
    for file in sorted(folder.glob("*.deb")):
        package, version, _ = file.name.split("_")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        entries.append(
            f"Package: {package}\nVersion: {version}\nArchitecture: all\nFilename: ./{file.name}\n"
            f"Size: {file.stat().st_size}\nSHA256: {digest}\nDescription: test\n"
        )
    (folder / "Packages").write_text("\n".join(entries))


def quiet(_line: str) -> None:
    """Report to nobody."""


@needs_apt
def test_fetch_gets_every_tool_where_apt_has_never_read_its_lists(archive: Path, tools: Path) -> None:
    lines: list[str] = []

    fetched = fetch_tools(lines.append)

    assert archive.is_dir()
    assert fetched == [
        Tool("prometheus", tools / "prometheus", "2.42.0"),
        Tool("promtool", tools / "promtool", "2.42.0"),
        Tool("alertmanager", tools / "prometheus-alertmanager", "2.42.0"),
    ]
    assert any(line.startswith("fetching prometheus and prometheus-alertmanager") for line in lines)
    assert "refreshing the package lists (apt-get update)" in lines


@needs_apt
def test_fetch_keeps_what_belongs_to_the_programs_and_leaves_nothing_else(archive: Path, tools: Path) -> None:
    fetch_tools(quiet)

    folder = tools.parents[1]
    assert archive.is_dir()
    assert (folder / "usr/share/prometheus/link").readlink() == Path("note")
    assert sorted(entry.name for entry in folder.iterdir()) == [".lock", "usr"]


@needs_apt
def test_fetch_gets_only_what_path_lacks(archive: Path, path: Path, tools: Path) -> None:
    good(path, "prometheus", "promtool", version="3.0.0")

    versions = [tool.version for tool in fetch_tools(quiet)]

    assert archive.is_dir()
    assert versions == ["3.0.0", "3.0.0", "2.42.0"]
    assert [file.name for file in tools.iterdir()] == ["prometheus-alertmanager"]


@needs_apt
def test_a_second_fetch_does_nothing(archive: Path) -> None:
    first = fetch_tools(quiet)
    shutil.rmtree(archive)
    lines: list[str] = []

    assert fetch_tools(lines.append) == first
    assert lines == []


@needs_apt
def test_fetch_replaces_a_program_that_does_not_run(archive: Path, tools: Path) -> None:
    fetch_tools(quiet)
    program(tools / "promtool", "broken", code=1)

    fetch_tools(quiet)

    assert archive.is_dir()
    assert find_tool("promtool").version == "2.42.0"


@needs_apt
def test_fetch_reads_the_lists_again_when_the_archive_has_moved_on(archive: Path, tools: Path) -> None:
    fetch_tools(quiet)
    subprocess.run(["apt-get", "-oAPT::Sandbox::User=root", "update"], check=True, capture_output=True)
    shutil.rmtree(tools)
    for package, programs in PACKAGES.items():
        (archive / f"{package}_2.42.0-1_all.deb").unlink()
        build(archive, package, programs, version="2.53.0")
    index(archive)

    assert [tool.version for tool in fetch_tools(quiet)] == ["2.53.0", "2.53.0", "2.53.0"]


@needs_apt
def test_an_archive_without_the_packages_is_an_error_that_names_the_command_and_what_apt_said(
    archive: Path, tools: Path
) -> None:
    (archive / "Packages").write_text("")

    with pytest.raises(ToolMissing, match=r"(?s)run: sudo apt-get update\n.*Unable to locate package"):
        fetch_tools(quiet)

    assert not tools.exists()


@needs_apt
def test_a_damaged_package_leaves_no_program_behind(archive: Path, tools: Path) -> None:
    package = archive / "prometheus-alertmanager_2.42.0-1_all.deb"
    package.write_bytes(package.read_bytes()[:-40])
    index(archive)

    with pytest.raises(EngineError, match=r"dpkg -x .*failed"):
        fetch_tools(quiet)

    assert not tools.exists()


@needs_apt
@pytest.mark.usefixtures("archive")
def test_a_killed_fetch_leaves_nothing_that_is_taken_for_whole_and_the_next_one_succeeds(
    path: Path, tools: Path
) -> None:
    # The first unpacking succeeds, the second never ends: so the kill comes with half of the work done.
    once = path.parent / "once"
    (path / "dpkg").write_text(
        f"#!/bin/sh\ntest -e '{once}' && sleep 60\ntouch '{once}'\nexec '{SYSTEM['dpkg']}' \"$@\"\n"
    )
    (path / "dpkg").chmod(0o755)
    code = "from simulator.alerting.toolchain import fetch_tools; fetch_tools(print)"
    root = Path(__file__).parents[2]
    fetch = subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(once.exists)
        wait_for(lambda: any(tools.parents[1].glob(".fetch-*/tree/usr/bin/*")))
    finally:
        os.killpg(fetch.pid, signal.SIGKILL)
        fetch.wait()
    assert not tools.exists()

    (path / "dpkg").unlink()
    fetch_tools(quiet)

    assert find_tool("prometheus").path == tools / "prometheus"
    assert not list(tools.parents[1].glob(".fetch-*"))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so, or fail."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("installed", "way"),
    [(("brew",), "brew install prometheus"), ((), "`prometheus` and `promtool` are on PATH")],
)
def test_fetch_without_apt_names_the_one_way_to_get_the_tools(path: Path, installed: tuple[str, ...], way: str) -> None:
    for other in installed:
        program(path / other, "")

    with pytest.raises(ToolMissing, match=re.escape(way)):
        fetch_tools(quiet)


def test_fetch_without_apt_is_content_when_path_has_everything(path: Path) -> None:
    good(path, *TOOLS)

    assert [tool.path for tool in fetch_tools(quiet)] == [path / name for name in TOOLS]


@pytest.mark.usefixtures("path")
def test_a_tools_folder_that_cannot_be_made_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SYNCSTORM_TOOLS", str(tmp_path / "file" / "tools"))
    for other in ("apt-get", "dpkg"):
        program(tmp_path / "path" / other, "")

    with pytest.raises(EngineError, match=r"cannot write to .*SYNCSTORM_TOOLS"):
        fetch_tools(quiet)
