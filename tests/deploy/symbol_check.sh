#!/usr/bin/env bash
# symbol_check.sh KNOWN LIBRARY… -- LIBRARY…
# LibTorch carries a Protobuf of its own. If it exported a Protobuf, gRPC or Abseil function under the name that
# Debian's libraries use, one of the two would be called with the other's data. So no name may be defined on both
# sides, except:
# - C++ standard library code over standard types, which is the same code on both sides;
# - the names in KNOWN: standard library code over Protobuf types that does not depend on their layout.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

exported() {
  local library
  for library in "$@"; do
    # A version behind the name (name@@VERSION) does not keep two libraries apart for an unversioned caller.
    nm -D --defined-only "$library" | awk '{sub(/@.*/, "", $NF); print $NF}'
  done | sort -u
}

known=$1
shift
left=()
while [[ $1 != -- ]]; do
  left+=("$1")
  shift
done
shift
(($# > 0)) || { echo "symbol_check.sh: no library after --" >&2 && exit 2; }

names=$(exported "${left[@]}")
others=$(exported "$@")
[[ -n $names && -n $others ]] || { echo "symbol_check.sh: a side exports nothing" >&2 && exit 2; }
bad=$(comm -12 <(printf '%s\n' "$names") <(printf '%s\n' "$others") |
  awk 'NR == FNR { if ($0 !~ /^#/) known[$0] = 1; next }
       $0 in known { next }
       /^_Z(TV|TI|TS|TT|Z|GV)*N?[KVR]*S[tabsiod]/ && !/google|grpc|absl|onnx/ { next }
       { print }' "$known" -)
if [[ -n $bad ]]; then
  echo "exported by both sides, and neither plain standard library code nor in $(basename "$known"):"
  while read -r name; do printf '  %s  %s\n' "$name" "$(c++filt "$name")"; done <<<"$bad"
  exit 1
fi
echo "no dangerous name is exported by both sides"
