# shellcheck shell=bash
# Helpers shared by the scripts beside it; sourced, after `set -euo pipefail`. It changes to the project's root.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

fail() { # one line on stderr and exit 1
    echo "error: $*" >&2
    exit 1
}

heading() {
    printf '\n== %s\n' "$*"
}

# numba keeps compiled kernels beside the sources or in the home folder, and stops where neither can be written.
use_writable_numba_cache() {
    if [[ -z "${NUMBA_CACHE_DIR:-}" && ! -w kernels && ! -w "${HOME:-/nonexistent}" ]]; then
        export NUMBA_CACHE_DIR="${TMPDIR:-/tmp}/twinmap-numba-$EUID"
    fi
}

# download URL FILE: resume where an earlier try stopped. The finished file appears only when it is whole.
download() {
    local url=$1 file=$2
    if [[ -s "$file" ]]; then
        echo "have $file"
        return
    fi
    mkdir -p "$(dirname "$file")"
    echo "downloading $url"
    if command -v curl >/dev/null; then
        curl --fail --location --retry 3 --continue-at - --output "$file.part" "$url" ||
            fail "cannot download $url; run the same command again to resume"
    elif command -v wget >/dev/null; then
        wget --tries=3 --continue --output-document="$file.part" "$url" ||
            fail "cannot download $url; run the same command again to resume"
    else
        fail "needs curl or wget: install one of them"
    fi
    mv "$file.part" "$file"
}

need_tool() {
    command -v "$1" >/dev/null || fail "needs $1: install it and run the same command again"
}
