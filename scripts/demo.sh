#!/usr/bin/env bash
# Install what is needed, map a synthetic room, and score the result. Options are passed on: scripts/demo.sh --map neural
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
use_writable_numba_cache
out=runs/demo

heading "mapping a synthetic room"
.venv/bin/slam run synthetic:room --out "$out" "$@"
heading "scoring the run"
.venv/bin/slam eval "$out"

heading "the result is in $PWD/$out"
echo "  mesh.ply         the room's surface, with colours: open it in MeshLab, Blender or CloudCompare"
echo "  trajectory.txt   the camera's path, in TUM format"
echo "  report.html      the scores, with plots: open it in a browser"
