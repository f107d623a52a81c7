#!/usr/bin/env bash
# deploy/soak.sh with a test's stand-in: it gets its variables, its figures come last, and its failure is the whole's.
set -euo pipefail
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/deploy" "$tree/bin"
cp "$(dirname "${BASH_SOURCE[0]}")/../../deploy/soak.sh" "$tree/deploy/"
cat >"$tree/bin/elastic_e2e_test" <<'STAND_IN'
#!/usr/bin/env bash
printf '[==========] Running 3 tests\nfaults injected: %s\n' "$SLUICE_KILLS"
exit "${STAND_IN_STATUS:-0}"
STAND_IN
chmod +x "$tree/bin/elastic_e2e_test"

# expect STATUS TEXT: of a run of the soak `kills`.
expect() {
  local status=0 output
  output=$("$tree/deploy/soak.sh" run "$tree/bin" kills 2>&1) || status=$?
  if [[ $status != "$1" || $output != *"$2"*$'\n''faults injected: 50' ]]; then
    printf 'expected status %s and "%s", got status %s and:\n%s\n' "$1" "$2" "$status" "$output"
    exit 1
  fi
}

expect 0 '==> soak kills: passed, '
grep -q 'faults injected: 50' "$tree/build/soak/kills.log"
STAND_IN_STATUS=3 expect 1 '==> soak kills: FAILED with status 3, '
