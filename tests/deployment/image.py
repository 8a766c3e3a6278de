"""`make image`: builds the image for real where there is neither an engine nor a registry.

A bare Debian stands in under the name of the base image, so that the Dockerfile is built as it is. Needs root and
Debian's debootstrap, buildah, podman and runc; without them it is left out, in one line.
"""

import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path, PurePosixPath

from tests.deployment.tools import TOOLS
from tests.sharing import REPOSITORY

STORE = TOOLS / "images"
IMAGE = "headwater:tried"
NEEDED = ("debootstrap", "buildah", "podman", "runc")
STORAGE = ("--storage-driver", "vfs", "--root", str(STORE / "root"), "--runroot", str(STORE / "run"))
PODMAN = ("podman", *STORAGE, "--cgroup-manager", "cgroupfs", "--runtime", "/usr/sbin/runc")
TEMPORARY = ("--tmpfs", str(PurePosixPath("/", "tmp")))
# What an engine without systemd and on a shared network wants, then what the chart asks for.
RUN = (
    *("run", "--rm", "--pull", "never", "--network", "host", "--ulimit", "nofile=4096:4096"),
    *("--ulimit", "nproc=4096:4096", "--read-only", "--cap-drop", "all", *TEMPORARY),
)
_BASE = re.compile(r"^ARG BASE=(\S+)$", re.MULTILINE)
_SUITE = "bookworm"


def main() -> int:
    """Build the base, once, and the image, then try it."""
    why = _missing()
    if why:
        sys.stdout.write(f"image: left out, {why}\n")
        return 0
    _make_base()
    extras = sys.argv[1:] or ["embedded,postgres"]
    build = ("bud", "--quiet", "--format", "docker", "--pull-never", "--isolation", "chroot", "--network", "host")
    wanted = ("--build-arg", f"EXTRAS={extras[0]}", "--tag", IMAGE)
    _run(*_buildah(), *build, *_mounts(), *wanted, REPOSITORY)
    trial = [sys.executable, "-m", "pytest", "-q", "tests/acceptance/test_image.py"]
    return subprocess.run(trial, cwd=REPOSITORY, env=os.environ | {"TRY_IMAGE": "1"}, check=False).returncode


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "it needs root"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    return f"it needs {', '.join(missing)} (packages of Debian)" if missing else None


def _buildah() -> tuple[str, ...]:
    return ("buildah", *STORAGE)


def _make_base() -> None:
    found = _BASE.search((REPOSITORY / "Dockerfile").read_text(encoding="utf-8"))
    if found is None:
        message = "the Dockerfile names no BASE"
        raise LookupError(message)
    name = f"localhost/{found[1]}"
    if subprocess.run([*_buildah(), "images", "--quiet", name], check=False, capture_output=True).returncode == 0:
        return
    tree = STORE / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    _run("debootstrap", "--variant=minbase", "--include=ca-certificates,python3,python3-venv", _SUITE, tree, *_mirror())
    container = _run(*_buildah(), "from", "scratch")
    _run(*_buildah(), "add", "--quiet", container, tree, "/")
    _run(*_buildah(), "commit", "--quiet", "--format", "docker", "--rm", container, name)
    shutil.rmtree(tree)


def _mirror() -> list[str]:
    """Where apt of this machine gets Debian from."""
    listed = _run("apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", f"Codename: {_SUITE}")
    return listed.splitlines()[:1]


def _mounts() -> list[str]:
    """How pip of this machine reaches its index, for the steps of the build only."""
    certificates = [ssl.get_default_verify_paths().cafile, os.environ.get("PIP_CERT")]
    configurations = [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"]
    mounts = {f"{path}:/etc/pip.conf:ro" for path in configurations if path.exists()}
    mounts |= {f"{path}:{path}:ro" for path in certificates if path and Path(path).exists()}
    mounts |= {"/etc/ssl/certs:/etc/ssl/certs:ro"} if Path("/etc/ssl/certs").exists() else set()
    return [word for mount in sorted(mounts) for word in ("--volume", mount)]


def _run(*command: str | Path) -> str:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"image: {command[0]} failed\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
