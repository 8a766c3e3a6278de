"""Installs the misbehaving connector as a third party's distribution, for this process and those it starts."""

from pathlib import Path

from tests.sharing import REPOSITORY


def installed_in(folder: Path) -> str:
    """Make the distribution in a folder; the PYTHONPATH with which a process finds it."""
    information = folder / "headwater_misbehaving-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: headwater-misbehaving\nVersion: 1\n")
    points = "[headwater.connectors]\nmisbehaving = tests.misbehaving:CONNECTOR\n"
    (information / "entry_points.txt").write_text(points)
    return f"{folder}:{REPOSITORY}"
