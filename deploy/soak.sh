#!/usr/bin/env bash
# Tests with real processes and faults, as often as an hour allows instead of what fits into every test run. Called by
# deploy/local.sh soak, which builds first.
#   deploy/soak.sh targets [NAME…]   what must be built for them
#   deploy/soak.sh run BIN [NAME…]   run them one after the other, logs into build/soak/; prints what each says
# Without NAME: all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# NAME|MINUTES|[VARIABLE=VALUE …] PROGRAM [ARGUMENT…]. MINUTES: the soak is ended, as failed, after so many. PROGRAM is a
# test in build/cpu/bin, and its target.
soaks=(
  'kills|60|SLUICE_KILLS=50 elastic_e2e_test'
  'ingest|15|SLUICE_INGEST_IMAGES=10000 ingest_e2e_test --gtest_filter=*AKilledWorker*'
  'sidecar|60|SLUICE_SIDECAR_KILLS=300 SLUICE_DISORDERED_MESSAGES=1000000 SLUICE_STOP_SECONDS=30 SLUICE_NETWORK_SECONDS=30 SLUICE_DAMAGES=2000 SLUICE_DISK_FAULTS=50 sidecar_faults_test'
  'relays|15|SLUICE_RELAY_KILLS=100 sidecar_relay_e2e_test'
  'ranks|20|SLUICE_BENCH_RANKS=10000 SLUICE_BENCH_RELAYS=1250 SLUICE_BENCH_RELAY_PROCESSES=4 SLUICE_BENCH_SECONDS=120 sidecar_bench_test --gtest_filter=*RanksBehind*'
  'partitions|30|SLUICE_PARTITIONS=20 partition_e2e_test'
  'overlap|15|SLUICE_ROUNDS=25 overlap_e2e_test'
)

die() {
  printf 'deploy/soak.sh: %s\n' "$*" >&2
  exit 1
}

# Fields of the soak named $1, into minutes, variables, program and arguments.
find_soak() {
  local soak word words names=()
  for soak in "${soaks[@]}"; do
    names+=("${soak%%|*}")
    if [[ ${soak%%|*} != "$1" ]]; then continue; fi
    soak=${soak#*|}
    minutes=${soak%%|*} variables=() program='' arguments=()
    read -r -a words <<<"${soak#*|}"
    for word in "${words[@]}"; do
      if [[ -n $program ]]; then
        arguments+=("$word")
      elif [[ $word == *=* ]]; then
        variables+=("$word")
      else
        program=$word
      fi
    done
    return
  done
  die "soak '$1' is unknown; it is one of: ${names[*]}"
}

all_names() { printf '%s\n' "${soaks[@]%%|*}"; }

targets() {
  local name
  for name in "$@"; do
    find_soak "$name"
    printf '%s\n' "$program"
  done | sort -u
}

# What a test says beside GoogleTest's own lines are its figures.
figures() { grep -Ev '^(\[|Note: |Running main\(\)|$)' "$1" || true; }

# run BIN NAME…
run() {
  local bin=$1 name start status log failed=0 summary=()
  shift
  mkdir -p build/soak
  for name in "$@"; do
    find_soak "$name"
    printf '==> soak %s: %s %s, at most %s min\n' "$name" "${variables[*]}" "$program ${arguments[*]}" "$minutes"
    start=$SECONDS status=0 log=build/soak/$name.log
    env "${variables[@]}" timeout --kill-after=30s "${minutes}m" "$bin/$program" "${arguments[@]}" 2>&1 |
      tee "$log" || status=$?
    if ((status == 0)); then
      summary+=("==> soak $name: passed, $((SECONDS - start)) s")
    else
      failed=1
      summary+=("==> soak $name: FAILED with status $status, $((SECONDS - start)) s, see $log")
    fi
    mapfile -t -O "${#summary[@]}" summary < <(figures "$log")
  done
  printf '%s\n' "${summary[@]}"
  return "$failed"
}

command=${1:-}
if (($# > 0)); then shift; fi
case $command in
  targets | run)
    first=()
    if [[ $command == run ]]; then
      first=("${1:?folder of the tests}")
      shift
    fi
    if (($# == 0)); then mapfile -t names < <(all_names) && set -- "${names[@]}"; fi
    "$command" "${first[@]}" "$@"
    ;;
  *) die "command '$command' is unknown; it is targets or run" ;;
esac
