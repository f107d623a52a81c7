#!/usr/bin/env bash
# reference.sh BINARIES FOLDER: writes configuration.md and metrics.md into FOLDER, as the programs in BINARIES have it.
# `deploy/local.sh reference` builds them and writes into deploy/reference; tests/deploy/reference_test.sh compares.
set -euo pipefail
binaries=$1 folder=$2
# What a program was started with is no default.
for name in $(compgen -e SLUICE_ || true); do unset "$name"; done

# Rows of table $2 that are not in table $1, with the head.
own_rows() {
  head -n 2 "$2"
  grep -vxFf "$1" "$2" || true
}

configuration() {
  local train=$1/train other=$1/other command
  cat <<'TEXT'
# Configuration

Written by `deploy/local.sh reference` from the programs. Each key is a flag (`--gate.threshold`), a key of a TOML file
(`threshold` in section `[gate]`, given by `--config FILE`) and an environment variable (`SLUICE_GATE_THRESHOLD`); the flag wins, then the
environment. Which of them matter first: [README](../../README.md#configuration).

## sluice-worker train

TEXT
  "$binaries/sluice-worker" train --help-markdown >"$train"
  cat "$train"
  while read -r command; do
    printf '\n## sluice-worker %s\n\n' "$command"
    "$binaries/sluice-worker" "$command" --help-markdown >"$other"
    # shellcheck disable=SC2016  # Backticks of Markdown.
    if [[ $(grep -cxFf "$train" "$other") -gt 2 ]]; then printf 'Options of `train` as well, and:\n\n'; fi
    own_rows "$train" "$other"
  done < <("$binaries/sluice-worker" --help | sed -n 's/^  \([a-z]\+\) .*/\1/p' | grep -vx train)
  printf '\n## sluice-sidecar\n\n'
  "$binaries/sluice-sidecar" --help-markdown
  printf '\n## sluice-sidecar bench\n\n'
  "$binaries/sluice-sidecar" bench --help-markdown
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
configuration "$scratch" >"$scratch/configuration.md"
"$binaries/sluice_metrics_reference" >"$scratch/metrics.md"
mv "$scratch"/*.md "$folder/"
