#!/usr/bin/env bash
# Which Python programs `deploy/local.sh convert`, `parity` and `continual --digits` run, with a python that only notes how it was called.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$tree"' EXIT
cp -r "$here/../../deploy" "$tree/"
mkdir -p "$tree"/{stubs,torch/lib,elsewhere} "$tree"/.deps/{convert,digits,parity}/bin "$tree/build/cpu/bin"
touch "$tree/torch/lib/libtorch_cpu.so"
printf '#!/bin/sh\n' >"$tree/stubs/cmake"
chmod +x "$tree/stubs/cmake"

# As deploy/local.sh leaves them: what is installed is not installed again.
stamp() {
  awk -v group="$1" '$1 == group {printf "%s%s", sep, $2; sep = " "}' "$tree/deploy/python.txt"
}
for name in convert digits parity; do
  printf '%s %s\n' "$(stamp "$name")" "$(stamp "$name-alone")" >"$tree/.deps/$name/ready-$name"
  # $ROOT and $FAIL are for the stub to expand.
  # shellcheck disable=SC2016
  printf '#!/bin/sh\necho "%s $*" >>"$ROOT/calls"\ncase $1 in *"/$FAIL") exit 8 ;; esac\n' "$name" \
    >"$tree/.deps/$name/bin/python"
  chmod +x "$tree/.deps/$name/bin/python"
done
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "worker $*" >>"$ROOT/calls"\n' >"$tree/build/cpu/bin/sluice-worker"
chmod +x "$tree/build/cpu/bin/sluice-worker"
export ROOT=$tree PATH=$tree/stubs:$PATH SLUICE_PACKAGES=skip LIBTORCH_ROOT=$tree/torch SLUICE_JOBS=1

# expect STATUS FAILING CALLS ARGUMENT…: CALLS one in a line.
expect() {
  local status=0
  rm -f "$tree/calls"
  FAIL=$2 "$tree/deploy/local.sh" "${@:4}" >"$tree/log" 2>&1 || status=$?
  if [[ $status != "$1" || $(<"$tree/calls") != "$3" ]]; then
    printf '%s, failing: %s: expected status %s and\n%s\ngot %s and\n' "${*:4}" "$2" "$1" "$3" "$status"
    cat "$tree/calls" "$tree/log"
    exit 1
  fi
}

cd "$tree/elsewhere"
converter="convert deploy/convert/convert_dinov2.py --output"
expect 0 none "$converter $tree/.deps/weights/vit_small_patch14_dinov2.safetensors" convert dinov2
expect 0 none "$converter $tree/elsewhere/a" convert dinov2 --output a
expect 0 none "$converter $tree/b" convert dinov2 --output ../b
expect 8 convert_dinov2.py "$converter $tree/b" convert dinov2 --output "$tree/b"
own="parity tests/parity/convert_test.py"
cases="parity tests/parity/parity.py --tool build/cpu/bin/sluice_parity_tool"
expect 0 none "$own"$'\n'"$cases" parity
expect 0 none "$own"$'\n'"$cases vit_base clip_large" parity vit_base clip_large
expect 8 parity.py "$own"$'\n'"$cases vit_base" parity vit_base
expect 8 convert_test.py "$own" parity vit_base
converter="digits deploy/convert/convert_digits.py --output $tree/.deps/digits/data"
worker="worker continual --output build/continual-digits --quick --digits --data $tree/.deps/digits/data"
expect 0 none "$converter"$'\n'"$worker" continual --quick --digits
expect 8 convert_digits.py "$converter" continual --digits
expect 0 none "worker continual --output build/continual --seeds 1" continual --seeds 1
