#!/usr/bin/env bash
# What deploy/local.sh says to wrong input, from any current folder.
set -euo pipefail
local_sh=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../deploy" && pwd)/local.sh
cd /

# expect STATUS TEXT ARGUMENT…
expect() {
  local status=0 output
  output=$("$local_sh" "${@:3}" 2>&1) || status=$?
  if [[ $status != "$1" || $output != *"$2"* ]]; then
    printf 'local.sh %s: expected status %s and "%s", got status %s and:\n%s\n' "${*:3}" "$1" "$2" "$status" "$output"
    exit 1
  fi
}

expect 0 "demo [OPTION…]" --help
expect 2 "Usage: deploy/local.sh COMMAND"
expect 1 "command 'deploy' is unknown" deploy
expect 1 "preset 'gpu' is unknown; it is one of cpu, cuda, asan, tsan, fuzz" build gpu
expect 1 "build takes one preset, got: cpu cuda" build cpu cuda
expect 1 "model '' is unknown to convert; it is one of dinov2" convert
expect 1 "model 'vit' is unknown to convert; it is one of dinov2" convert vit
expect 1 "convert dinov2 takes --output FILE, got: --output" convert dinov2 --output
expect 1 "convert dinov2 takes --output FILE, got: --into a" convert dinov2 --into a
expect 1 "convert dinov2 takes --output FILE, got: --output a b" convert dinov2 --output a b
expect 1 "soak 'sink' is unknown; it is one of: kills" soak kills sink
expect 1 "stage takes no argument, got: x" stage x
expect 1 "reference takes no argument, got: x" reference x
expect 1 "fuzz takes a number of seconds, got: 1m" fuzz 1m
expect 1 "fuzz takes a number of seconds, got: 1 2" fuzz 1 2
SLUICE_BINARIES=some expect 1 "SLUICE_BINARIES is 'some', expected prebuilt or compiled" compose
for command in test sanitize soak; do
  SLUICE_TEST_PEERS=some expect 1 "SLUICE_TEST_PEERS is 'some', expected required or optional" "$command"
done
jobs=${local_sh%/*}/jobs.sh
if [[ $(SLUICE_JOBS=97 "$jobs") != 97 ]] || (($(SLUICE_JOBS='' "$jobs") < 1 || $(env -u SLUICE_JOBS "$jobs") > $(nproc))); then
  echo "jobs.sh: expected SLUICE_JOBS if that is set, else at least 1 and at most the processors"
  exit 1
fi
export SLUICE_PACKAGES=skip LIBTORCH_ROOT=/nowhere
expect 1 "LIBTORCH_ROOT=/nowhere: lib/libtorch_cpu.so is not there" build cpu
expect 1 "LIBTORCH_ROOT=/nowhere: lib/libtorch_cpu.so is not there" parity vit_base
