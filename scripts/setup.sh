#!/usr/bin/env bash
# Make .venv and install the project into it: `scripts/setup.sh` to run it, `scripts/setup.sh dev` to test it too.
# A second run does nothing, and needs no network. Set PYTHON to choose the interpreter.
# On Linux, PyPI's torch brings CUDA (gigabytes). For the CPU build alone:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu scripts/setup.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

extra=${1:-}
[[ -z "$extra" || "$extra" == dev ]] || fail "expected nothing or 'dev', got '$extra'"

python=.venv/bin/python
supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

# Debian packages by the shared library that open3d, opencv or numba's OpenMP threads load.
declare -A package_of=(
    [libusb-1.0.so.0]=libusb-1.0-0 [libGL.so.1]=libgl1 [libEGL.so.1]=libegl1
    [libgomp.so.1]=libgomp1 [libX11.so.6]=libx11-6 [libudev.so.1]=libudev1
    [libgthread-2.0.so.0]=libglib2.0-0
)

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c "$supported" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11, 3.12 or 3.13: install one, or set PYTHON to its path"
}

install_packages() { # with apt-get where that is allowed, else say how
    local command="apt-get install -y --no-install-recommends $*" as_root=()
    command -v apt-get >/dev/null || fail "missing system libraries; their Debian packages are: $*"
    if [[ $EUID != 0 ]]; then
        sudo -n true 2>/dev/null || fail "missing system packages, run: sudo $command"
        as_root=(sudo -n)
    fi
    heading "installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a command and its words
    "${as_root[@]}" $command || { "${as_root[@]}" apt-get update && "${as_root[@]}" $command; } ||
        fail "missing system packages, run: sudo apt-get update && sudo $command"
}

make_venv() {
    local base version
    base=$(find_python)
    if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        install_packages "python$version-venv"
    fi
    heading "creating .venv with $("$base" --version)"
    "$base" -m venv --clear .venv || fail "cannot create .venv with $base"
}

check_libraries() {
    [[ $(uname) == Linux ]] || return 0
    local library missing=()
    for library in $("$python" - "${!package_of[@]}" <<'PYTHON'
import ctypes
import sys

for name in sys.argv[1:]:
    try:
        ctypes.CDLL(name)
    except OSError:
        print(name)
PYTHON
    ); do
        missing+=("${package_of[$library]}")
    done
    [[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
}

pip_install() {
    "$python" -m pip install --disable-pip-version-check -c constraints.txt "$@" ||
        fail "pip could not install the project (see above)"
}

install_project() {
    heading "installing twinmap${extra:+ with the tools of its tests}"
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip # uv makes environments without pip
    # torch comes first, by itself: among many requirements pip may settle on another build of the same version.
    pip_install "$(grep '^torch==' constraints.txt)"
    pip_install -e ".${extra:+[$extra]}"
}

# PyPI's torch brings CUDA, but not what compiles the kernels.
tell_of_gpu() {
    command -v nvidia-smi >/dev/null || "$python" -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null || return 0
    "$python" -c 'import numba_cuda' 2>/dev/null ||
        echo "an NVIDIA driver is there; to run on the GPU: $python -m pip install -c constraints.txt -e '.[cuda]'"
}

# Tests of the pages that a browser shows are skipped where there is none.
want_browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null && return
    done
    (install_packages chromium) || echo "no browser: the tests that need one are skipped"
}

if ! "$python" -c "$supported" 2>/dev/null; then
    if [[ -e .venv && ! -w .venv ]]; then
        fail "$PWD/.venv does not run for this user, who cannot replace it: remove it, or use a copy of the project"
    fi
    make_venv
fi
check_libraries

# What was installed, from where: a moved folder and a changed requirement both install again.
key=$({ pwd && cat pyproject.toml constraints.txt; } | sha256sum | cut -d' ' -f1)
stamps=(.venv/.installed-dev)
[[ -n "$extra" ]] || stamps+=(.venv/.installed)
for stamp in "${stamps[@]}"; do
    if [[ -f "$stamp" && $(<"$stamp") == "$key" ]]; then
        exit 0
    fi
done
[[ -w .venv ]] || fail "$PWD/.venv is out of date and this user cannot write to it: run scripts/setup.sh as its owner"
install_project
[[ "$extra" != dev ]] || want_browser
tell_of_gpu
echo "$key" >".venv/.installed${extra:+-$extra}"
