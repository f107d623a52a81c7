#!/usr/bin/env bash
# jobs.sh: prints how many compilers run at a time: SLUICE_JOBS, or processors, but at most one for every 2 GiB of memory.
set -euo pipefail
count=$(nproc)
memory=$(awk '/^MemTotal/ {print int($2 / 2097152)}' /proc/meminfo)
if ((memory < 1)); then memory=1; fi
echo "${SLUICE_JOBS:-$((count < memory ? count : memory))}"
