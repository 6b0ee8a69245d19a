#!/usr/bin/env bash
# The tables and plots of docs/methods.md: every method on the same recordings, clean and with gross errors. It takes
# hours; a study that was interrupted goes on. Options go to `slam batch`, those of the plots are in $PLOT_OPTIONS:
#   PLOT_OPTIONS="--stride 60 --seconds 10" scripts/methods_study.sh --limit 60 --maps tsdf,neural --workers 1
# Recordings are looked for in $SLAM_TEST_DATA (default ../shared/data).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
use_writable_numba_cache
data=${SLAM_TEST_DATA:-../shared/data}
out=runs/methods

sources=(synthetic:room synthetic:apartment)
for name in replica_bedroom redkitchen; do
    if [[ -d "$data/$name" ]]; then
        sources+=("$data/$name")
    else
        echo "left out, because there is no $data/$name: $name"
    fi
done
maps=tsdf,tsdf:fusion=learned,neural,implicit
for encoding in fourier siren none; do
    maps+=,implicit:implicit.encoding=$encoding
done

heading "tables: $out/report.html, batch.csv and batch.tex"
.venv/bin/slam batch "${sources[@]}" --maps "$maps" --set noise.outliers=0,0.01,0.05,0.1 \
    --limit 300 --holdout 10 --out "$out" "$@"
read -ra plot_options <<<"${PLOT_OPTIONS:-}"
for study in forgetting convergence; do
    heading "$study: $out/$study.png and $study.json"
    if [[ -s "$out/$study.json" ]]; then
        echo "have it"
    else
        .venv/bin/python scripts/methods_study.py "$study" --out "$out" "${plot_options[@]}"
    fi
done
