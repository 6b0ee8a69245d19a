#!/usr/bin/env bash
# Fetch sequences of the TUM RGB-D benchmark: scripts/download_tum.sh [SEQUENCE ...], for example freiburg2_xyz.
# Names: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/download. DATA is where they go (default: data).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

folder=${DATA:-data}/tum
[[ $# != 0 ]] || set -- freiburg1_desk freiburg1_xyz freiburg2_xyz freiburg3_long_office_household
need_tool tar

for name in "$@"; do
    name=${name#rgbd_dataset_}
    [[ "$name" =~ ^(freiburg[123])_[a-z0-9_]+$ ]] || fail "expected a name such as freiburg1_desk, got '$name'"
    sequence=rgbd_dataset_$name
    if [[ ! -f "$folder/$sequence/.complete" ]]; then
        archive=$folder/$sequence.tgz
        download "https://cvg.cit.tum.de/rgbd/dataset/${BASH_REMATCH[1]}/$sequence.tgz" "$archive"
        echo "unpacking $archive"
        tar -xzf "$archive" -C "$folder" || fail "$archive is damaged: remove it and run the same command again"
        touch "$folder/$sequence/.complete"
        rm "$archive"
    fi
    echo "slam run $folder/$sequence --config configs/tum_fr${name:8:1}.yaml"
done
