#!/usr/bin/env bash
# fuzz_one.sh SECONDS TARGET: runs one target of tests/fuzz; its log and the input that broke it are in build/fuzz. Ends xargs,
# by status 255, at the first fault. SLUICE_FUZZ_SEED makes the order of inputs the same in every run; without it each
# run tries others.
set -euo pipefail
seconds=$1 target=$2
log=build/fuzz/$target.log
kept=()
if [[ -d tests/fuzz/corpus/$target ]]; then kept=("tests/fuzz/corpus/$target"); fi
if "build/fuzz/fuzz/$target" -max_total_time="$seconds" -seed="${SLUICE_FUZZ_SEED:-0}" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -close_fd_mask=1 \
  -artifact_prefix="build/fuzz/$target." "build/fuzz/found/$target" "${kept[@]}" >"$log" 2>&1; then
  printf '%s: %s runs, no fault\n' "$target" "$(awk '/stat::number_of_executed_units/ {print $2}' "$log")"
else
  tail -n 60 "$log"
  printf '%s: FAULT, see %s and build/fuzz/%s.*\n' "$target" "$log" "$target"
  exit 255
fi
