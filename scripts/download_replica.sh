#!/usr/bin/env bash
# Fetch the eight Replica rooms as NICE-SLAM rendered them, 12 GB packed: scripts/download_replica.sh
# DATA is where they go (default: data).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

folder=${DATA:-data}
need_tool unzip

if [[ ! -f "$folder/Replica/.complete" ]]; then
    archive=$folder/Replica.zip
    download https://cvg-data.inf.ethz.ch/nice-slam/data/Replica.zip "$archive"
    echo "unpacking $archive"
    unzip -q -o "$archive" -d "$folder" || fail "$archive is damaged: remove it and run the same command again"
    touch "$folder/Replica/.complete"
    rm "$archive"
fi
for room in "$folder"/Replica/*/; do
    echo "slam run ${room%/} --config configs/replica.yaml"
done
