#!/usr/bin/env bash
# reference_test.sh BINARIES: deploy/reference is what the programs say of themselves.
# Backquotes are Markdown's.
# shellcheck disable=SC2016
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$top/deploy/reference.sh" "$1" "$folder"
for file in configuration.md metrics.md; do
  if ! diff -u "$top/deploy/reference/$file" "$folder/$file"; then
    printf 'deploy/reference/%s is not what the programs print: run deploy/local.sh reference and commit it\n' "$file"
    exit 1
  fi
done
# Tables that are empty would compare well, too.
grep -q '^| `gate.threshold` |' "$folder/configuration.md"
grep -q '^| `threshold.alpha` |' "$folder/configuration.md"
grep -q '^| `sluice_gate_activation_ratio` | gauge | layer, run |' "$folder/metrics.md"
