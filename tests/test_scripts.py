"""The shell scripts, with stand-ins for everything that they would fetch or install."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), ROOT / ".ci" / "run"])
SYSTEM_TOOLS = (
    "bash cat cut dirname grep gzip id ldconfig mkdir mv rm sha256sum tar touch uname".split()
)

# Serves $SERVED/<file name> for the URL that is its last argument. A file of that name with .cut is
# served first, once, with the exit code of a broken connection.
CURL = """#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$SERVED/log"
url=${@: -1}
while [[ $# -gt 0 ]]; do
    [[ $1 == --output ]] && output=$2
    shift
done
source=$SERVED/$(basename "$url")
if [[ -f "$source.cut" ]]; then
    mv "$source.cut" "$output"
    exit 18
fi
[[ -f "$source" ]] || exit 22
offset=0
[[ -f "$output" ]] && offset=$(wc -c <"$output")
tail -c "+$((offset + 1))" "$source" >>"$output"
"""
WGET = """#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$SERVED/log"
url=${@: -1}
for word in "$@"; do
    [[ $word == --output-document=* ]] && output=${word#*=}
done
cp "$SERVED/$(basename "$url")" "$output"
"""


@pytest.fixture
def project(tmp_path):
    """A copy of the scripts, in a folder with a space in its name."""
    root = tmp_path / "a project"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copy(ROOT / "constraints.txt", root)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.fixture
def served(tmp_path):
    """The folder that the stand-ins for curl and wget serve."""
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def run(project, served, tmp_path):
    """Run a script of the copy with only stand-ins and plain system tools on PATH."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in [*SYSTEM_TOOLS, "basename", "cp", "env", "tail", "true", "wc"]:
        found = shutil.which(name, path=os.environ["PATH"] + ":/sbin:/usr/sbin")
        if found:
            (tools / name).symlink_to(found)

    def run_script(name, *arguments, stubs=None, **environment):
        for stub, text in (stubs or {}).items():
            (tools / stub).unlink(missing_ok=True)  # never write through a link to the real tool
            (tools / stub).write_text(text)
            (tools / stub).chmod(0o755)
        environment = {
            "PATH": str(tools),
            "HOME": str(tmp_path),
            "SERVED": str(served),
        } | environment
        return subprocess.run(
            [str(project / "scripts" / name), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run_script


def make_tum(served, name="rgbd_dataset_freiburg1_desk"):
    folder = served / name
    folder.mkdir()
    (folder / "rgb.txt").write_text("# color images\n" * 100)
    with tarfile.open(served / f"{name}.tgz", "w:gz") as archive:
        archive.add(folder, arcname=name)
    return served / f"{name}.tgz"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(script):
    result = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert script.name == "lib.sh" or os.access(script, os.X_OK)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error(script):
    assert script.name == "lib.sh" or "\nset -euo pipefail\n" in script.read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    result = subprocess.run(
        [shellcheck, "-x", "-P", ROOT / "scripts", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("tool", "text"), [("curl", CURL), ("wget", WGET)])
def test_tum_is_fetched_and_unpacked_once(run, project, served, tool, text):
    make_tum(served)
    for _ in range(2):
        result = run("download_tum.sh", "freiburg1_desk", stubs={tool: text})
        assert result.returncode == 0, result.stderr
        assert result.stdout.endswith(
            "slam run data/tum/rgbd_dataset_freiburg1_desk --config configs/tum_fr1.yaml\n"
        )
    calls = (served / "log").read_text().splitlines()
    assert len(calls) == 1
    url = "https://cvg.cit.tum.de/rgbd/dataset/freiburg1/rgbd_dataset_freiburg1_desk.tgz"
    assert calls[0].endswith(url)
    assert (project / "data/tum/rgbd_dataset_freiburg1_desk/rgb.txt").is_file()
    assert list(project.rglob("*.tgz*")) == []


def test_a_broken_download_resumes(run, project, served):
    archive = make_tum(served)
    whole = archive.read_bytes()
    archive.with_name(archive.name + ".cut").write_bytes(whole[:50])
    first = run("download_tum.sh", "freiburg1_desk", stubs={"curl": CURL})
    assert first.returncode == 1
    assert first.stderr.endswith("run the same command again to resume\n")
    partial = project / "data/tum/rgbd_dataset_freiburg1_desk.tgz.part"
    assert partial.read_bytes() == whole[:50]
    second = run("download_tum.sh", "freiburg1_desk", stubs={"curl": CURL})
    assert second.returncode == 0, second.stderr
    assert "--continue-at -" in (served / "log").read_text().splitlines()[-1]


def test_a_damaged_archive_says_what_to_do(run, served):
    archive = make_tum(served)
    archive.write_bytes(archive.read_bytes()[:100])
    result = run("download_tum.sh", "freiburg1_desk", stubs={"curl": CURL})
    assert result.returncode == 1
    assert "is damaged: remove it" in result.stderr
    assert "slam run" not in result.stdout


@pytest.mark.parametrize(
    ("script", "argument", "message"),
    [
        (
            "download_tum.sh",
            "../etc",
            "error: expected a name such as freiburg1_desk, got '../etc'",
        ),
        ("download_7scenes.sh", "kitchen", "or stairs, got 'kitchen'"),
        ("setup.sh", "prod", "error: expected nothing or 'dev', got 'prod'"),
    ],
)
def test_a_wrong_name_is_refused_before_anything_happens(run, project, script, argument, message):
    result = run(script, argument, stubs={"unzip": "#!/usr/bin/env bash\n"})
    assert result.returncode == 1
    assert message in result.stderr
    assert not (project / "data").exists()


def test_without_curl_and_wget_the_script_says_so(run):
    result = run("download_tum.sh")
    assert result.returncode == 1
    assert result.stderr == "error: needs curl or wget: install one of them\n"


# The machine may have no unzip; Python's own stands in for it.
UNZIP = f"""#!/usr/bin/env bash
exec {sys.executable} -m zipfile -e "$3" "$5"
"""


def test_replica_is_fetched_and_unpacked(run, project, served):
    with zipfile.ZipFile(served / "Replica.zip", "w") as archive:
        archive.writestr("Replica/cam_params.json", "{}")
        for room in ("office0", "room0"):
            archive.writestr(f"Replica/{room}/traj.txt", "")
    for _ in range(2):
        result = run("download_replica.sh", stubs={"curl": CURL, "unzip": UNZIP})
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-2:] == [
            "slam run data/Replica/office0 --config configs/replica.yaml",
            "slam run data/Replica/room0 --config configs/replica.yaml",
        ]
    assert len((served / "log").read_text().splitlines()) == 1
    assert list(project.rglob("*.zip*")) == []


def test_7scenes_unpacks_the_archives_within_the_archive(run, project, served, tmp_path):
    with zipfile.ZipFile(tmp_path / "seq-01.zip", "w") as sequence:
        sequence.writestr("seq-01/frame-000000.pose.txt", "")
    with zipfile.ZipFile(served / "heads.zip", "w") as archive:
        archive.write(tmp_path / "seq-01.zip", "heads/seq-01.zip")
    result = run("download_7scenes.sh", "heads", stubs={"curl": CURL, "unzip": UNZIP})
    assert result.returncode == 0, result.stderr
    last = result.stdout.splitlines()[-1]
    assert last == "slam run data/seven_scenes/heads/seq-01 --config configs/seven_scenes.yaml"
    assert (project / "data/seven_scenes/heads/seq-01/frame-000000.pose.txt").is_file()
    assert list(project.rglob("*.zip*")) == []


# A Python whose venv is a copy of itself and whose pip only notes what it is asked for.
PYTHON = """#!/usr/bin/env bash
case "$*" in
*"(3, 11) <="*) [[ {version} == 3.11 || {version} == 3.13 ]] ;;
--version) echo "Python {version}" ;;
*ensurepip,*) exit {no_venv} ;;
*version_info*) echo {version} ;;
"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
-*" libGL.so.1"*) cat >/dev/null; echo "{missing}" ;;
*libcuda.so.1*) exit {no_driver} ;;
*numba_cuda*) exit {no_numba_cuda} ;;
"-m pip --version") ;;
"-m pip"*) echo "$*" >>pip.log; exit {pip_exit} ;;
*) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""


def python(version="3.11", missing="", no_venv=0, pip_exit=0, no_driver=1, no_numba_cuda=1):
    return PYTHON.format(
        version=version,
        missing=missing,
        no_venv=no_venv,
        pip_exit=pip_exit,
        no_driver=no_driver,
        no_numba_cuda=no_numba_cuda,
    )


def test_setup_installs_torch_first_and_only_once(run, project):
    for _ in range(2):
        result = run("setup.sh", "dev", stubs={"python3": python()})
        assert result.returncode == 0, result.stderr
    calls = (project / "pip.log").read_text().splitlines()
    assert len(calls) == 2
    assert calls[0].endswith("-c constraints.txt torch==2.13.0")
    assert calls[1].endswith("-c constraints.txt -e .[dev]")
    assert run("setup.sh").returncode == 0
    assert len((project / "pip.log").read_text().splitlines()) == 2  # dev contains it


def test_setup_installs_again_when_the_requirements_change(run, project):
    assert run("setup.sh", stubs={"python3": python()}).returncode == 0
    assert run("setup.sh", "dev").returncode == 0
    with (project / "constraints.txt").open("a") as constraints:
        constraints.write("x==1\n")
    assert run("setup.sh", "dev").returncode == 0
    calls = (project / "pip.log").read_text().splitlines()
    assert [call.split()[-1] for call in calls if "-e" in call] == [".", ".[dev]", ".[dev]"]


NVIDIA_SMI = {"nvidia-smi": "#!/usr/bin/env bash\n"}


@pytest.mark.parametrize(
    ("interpreter", "stubs", "is_told"),
    [
        (python(), {}, False),
        (python(), NVIDIA_SMI, True),
        (python(no_driver=0), {}, True),
        (python(no_numba_cuda=0), NVIDIA_SMI, False),
    ],
    ids=["no GPU", "nvidia-smi", "libcuda", "installed"],
)
def test_setup_tells_how_to_use_a_gpu(run, interpreter, stubs, is_told):
    result = run("setup.sh", stubs=stubs | {"python3": interpreter})
    assert result.returncode == 0, result.stderr
    line = "; to run on the GPU: .venv/bin/python -m pip install -c constraints.txt -e '.[cuda]'\n"
    assert result.stdout.endswith(line) == is_told
    assert ("GPU" in result.stdout) == is_told


def test_setup_tries_again_after_pip_failed(run, project):
    result = run("setup.sh", stubs={"python3": python(pip_exit=1)})
    assert result.returncode == 1
    assert result.stderr == "error: pip could not install the project (see above)\n"
    result = run("setup.sh")
    assert result.returncode == 1


def test_setup_takes_another_python_when_the_first_is_too_old(run, project):
    stubs = {"python3": python("3.10"), "python3.13": python("3.13")}
    result = run("setup.sh", stubs=stubs)
    assert result.returncode == 0, result.stderr
    assert "creating .venv with Python 3.13" in result.stdout


def test_setup_without_a_suitable_python_is_one_line(run, project):
    result = run("setup.sh", stubs={"python3": python("3.10")})
    assert result.returncode == 1
    assert result.stderr == (
        "error: needs Python 3.11, 3.12 or 3.13: install one, or set PYTHON to its path\n"
    )
    assert not (project / ".venv").exists()


APT = """#!/usr/bin/env bash
echo "$*" >>"$SERVED/apt"
"""
SUDO = """#!/usr/bin/env bash
[[ $1 == -n ]] || exit 99
[[ ${SUDO_ASKS:-} == yes ]] && exit 1
echo sudo >>"$SERVED/apt"
exec "${@:2}"
"""


@pytest.mark.parametrize(
    ("interpreter", "package"),
    [
        (python(missing="libusb-1.0.so.0 libGL.so.1"), "libusb-1.0-0 libgl1"),
        (python(no_venv=1), "python3.11-venv"),
    ],
    ids=["libraries", "venv"],
)
def test_setup_installs_system_packages_or_says_how(run, served, interpreter, package):
    stubs = {"python3": interpreter, "apt-get": APT, "sudo": SUDO}
    result = run("setup.sh", stubs=stubs, SUDO_ASKS="yes")
    if os.geteuid() == 0:
        assert result.returncode == 0, result.stderr
        expected = f"install -y --no-install-recommends {package}\n"
        assert (served / "apt").read_text() == expected
    else:
        assert result.returncode == 1
        assert f"run: sudo apt-get install -y --no-install-recommends {package}\n" in result.stderr
        assert run("setup.sh", stubs=stubs).returncode == 0
        assert (served / "apt").read_text().startswith("sudo\n")


def test_setup_without_apt_names_the_packages(run):
    result = run("setup.sh", stubs={"python3": python(missing="libusb-1.0.so.0")})
    assert result.returncode == 1
    assert "missing system libraries; their Debian packages are: libusb-1.0-0" in result.stderr


SLAM = """#!/usr/bin/env bash
echo "$*" >>"$SERVED/slam"
"""


def test_demo_renders_and_compares(run, project, served):
    assert run("setup.sh", stubs={"python3": python()}).returncode == 0
    (project / ".venv/bin/slam").write_text(SLAM)
    (project / ".venv/bin/slam").chmod(0o755)
    result = run("demo.sh", "--limit", "5")
    assert result.returncode == 0, result.stderr
    assert (served / "slam").read_text().splitlines() == [
        "synth runs/demo_recording --scene room --format tum --noise kinect",
        "compare runs/demo_recording --out runs/demo --limit 5",
    ]
    assert "report.html" in result.stdout


PYTHON_OF_STUDIES = """#!/usr/bin/env bash
[[ "$1" == -* ]] || echo "$*" >>"$SERVED/slam"
"""


def test_the_study_of_methods_runs_them_all_and_draws(run, project, served):
    assert run("setup.sh", stubs={"python3": python()}).returncode == 0
    for name, text in (("slam", SLAM), ("python", PYTHON_OF_STUDIES)):
        (project / ".venv/bin" / name).write_text(text)
        (project / ".venv/bin" / name).chmod(0o755)
    data = project / "data"
    (data / "redkitchen").mkdir(parents=True)
    result = run("methods_study.sh", "--limit", "5", SLAM_TEST_DATA=str(data))
    assert result.returncode == 0, result.stderr
    assert f"there is no {data}/replica_bedroom" in result.stdout
    batch, *studies = (served / "slam").read_text().splitlines()
    assert batch.startswith(f"batch synthetic:room synthetic:apartment {data}/redkitchen --maps ")
    assert "tsdf,tsdf:fusion=learned,neural,implicit,implicit:implicit.encoding=fourier" in batch
    assert batch.endswith("--limit 300 --holdout 10 --out runs/methods --limit 5")
    assert [words.split()[1] for words in studies] == ["forgetting", "convergence"]
    (project / "runs/methods").mkdir(parents=True)
    (project / "runs/methods/forgetting.json").write_text("{}")
    (served / "slam").unlink()
    result = run("methods_study.sh", SLAM_TEST_DATA=str(data), PLOT_OPTIONS="--stride 60")
    assert result.returncode == 0, result.stderr
    _, *studies = (served / "slam").read_text().splitlines()  # the batch knows what it has
    ours = "scripts/methods_study.py convergence --out runs/methods --stride 60"
    assert studies == [ours]


CHECKS = """#!/usr/bin/env bash
case "$*" in
-c*) ;;
-*" libGL.so.1"*) cat >/dev/null ;;
*) echo "$*" >>"$SERVED/checks"; [[ "$*" != *"ruff check"* ]] ;;
esac
"""


def test_test_script_runs_every_check_and_fails_if_one_does(run, project, served):
    assert run("setup.sh", "dev", stubs={"python3": python()}).returncode == 0
    (project / ".venv/bin/python").write_text(CHECKS)
    result = run("test.sh", "-k", "config")
    assert result.returncode == 1
    assert result.stderr == "error: failed: ruff check\n"
    assert (served / "checks").read_text().splitlines() == [
        "-m ruff check .",
        "-m ruff format --check .",
        "-m pyright",
        "-m pytest -m not realtime --numprocesses auto --maxprocesses 4 --dist worksteal -k config",
        "-m pytest -m realtime -k config",
    ]
