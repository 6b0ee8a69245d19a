#!/usr/bin/env bash
# Install what is needed, render a synthetic room to disk, and map it with both maps, live from one stream.
# Options go to `slam compare`: scripts/demo.sh --viewer web
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
use_writable_numba_cache
recording=runs/demo_recording
out=runs/demo

heading "rendering a synthetic room as a Kinect would record it"
rm -rf "$recording"  # of an earlier demo
.venv/bin/slam synth "$recording" --scene room --format tum --noise kinect
heading "mapping it twice at once: a TSDF and a neural map, each with its own tracking"
.venv/bin/slam compare "$recording" --out "$out" "$@"

heading "open these, in $PWD/$out"
echo "  report.html           both maps side by side, with their scores: in a browser"
echo "  tsdf/mesh.ply         the room as the TSDF has it: in MeshLab, Blender or CloudCompare"
echo "  neural/mesh.ply       the same from the neural map; mesh_predicted.ply is what it guesses beside it"
echo "  tsdf/trajectory.txt   the camera's path, in TUM format"
echo "To watch the maps grow: .venv/bin/slam compare $recording --viewer web"
