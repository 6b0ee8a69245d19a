#!/usr/bin/env bash
# Fetch scenes of Microsoft's 7-Scenes, 1 to 5 GB each: scripts/download_7scenes.sh [SCENE ...] (default: redkitchen).
# DATA is where they go (default: data).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

folder=${DATA:-data}/seven_scenes
base=http://download.microsoft.com/download/2/8/5/28564B23-0828-408F-8631-23B1EFF1DAC8
[[ $# != 0 ]] || set -- redkitchen
need_tool unzip

for scene in "$@"; do
    case $scene in
    chess | fire | heads | office | pumpkin | redkitchen | stairs) ;;
    *) fail "expected chess, fire, heads, office, pumpkin, redkitchen or stairs, got '$scene'" ;;
    esac
    if [[ ! -f "$folder/$scene/.complete" ]]; then
        archive=$folder/$scene.zip
        download "$base/$scene.zip" "$archive"
        echo "unpacking $archive"
        unzip -q -o "$archive" -d "$folder" || fail "$archive is damaged: remove it and run the same command again"
        for sequence in "$folder/$scene"/seq-*.zip; do # the sequences are archives inside the archive
            [[ -f "$sequence" ]] || continue
            unzip -q -o "$sequence" -d "$folder/$scene" || fail "$sequence is damaged: remove $archive and run again"
            rm "$sequence"
        done
        touch "$folder/$scene/.complete"
        rm "$archive"
    fi
    for sequence in "$folder/$scene"/seq-*/; do
        echo "slam run ${sequence%/} --config configs/seven_scenes.yaml"
    done
done
