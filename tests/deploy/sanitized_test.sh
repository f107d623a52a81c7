#!/usr/bin/env bash
# Which test runs `deploy/local.sh test` makes, with a cmake and a ctest that only note how they were called.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -r "$here/../../deploy" "$tree/"
mkdir -p "$tree"/{stubs,torch/lib} "$tree"/build/{asan,tsan}/bin "$tree/.deps/venv"
touch "$tree/torch/lib/libtorch_cpu.so"
# As deploy/local.sh leaves them: what is installed is not installed again.
stamp() {
  awk -v group="$1" '$1 == group {printf "%s%s", sep, $2; sep = " "}' "$tree/deploy/python.txt"
}
mkdir -p "$tree/.deps/deploytest"
stamp examples >"$tree/.deps/venv/ready-examples"
printf '%s %s\n' "$(stamp deploytest)" "$(stamp deploytest-alone)" >"$tree/.deps/deploytest/ready-deploytest"
for preset in asan tsan; do echo one >"$tree/build/$preset/bin/a_test"; done
printf '#!/bin/sh\n' >"$tree/stubs/cmake"
cat >"$tree/stubs/ctest" <<'STUB'
#!/bin/sh
echo "$2" >>"$ROOT/calls"
case $2 in *"/$FAIL") exit 8 ;; esac
[ "$SLUICE_TEST_PEERS" = "${PEERS:-required}" ] || exit 9
STUB
chmod +x "$tree"/stubs/*
unset SLUICE_TEST_PEERS SLUICE_TEST_MINUTES
export ROOT=$tree PATH=$tree/stubs:$PATH SLUICE_PACKAGES=skip LIBTORCH_ROOT=$tree/torch SLUICE_JOBS=1

# expect STATUS "CALLS" FAILING ARGUMENT…: the presets whose tests are run.
expect() {
  local status=0
  rm -f "$tree/calls"
  FAIL=$3 "$tree/deploy/local.sh" "${@:4}" >"$tree/log" 2>&1 || status=$?
  local calls
  calls=$(sed 's|build/||' "$tree/calls" | xargs)
  if [[ $status != "$1" || $calls != "$2" ]]; then
    printf '%s, failing: %s: expected status %s and "%s", got %s and "%s":\n' "${*:4}" "$3" "$1" "$2" "$status" "$calls"
    cat "$tree/log"
    exit 1
  fi
}

expect 0 "cpu" none test -R something
SLUICE_TEST_PEERS=optional PEERS=optional expect 0 "cpu" none test -R something
expect 8 "cpu" cpu test
expect 8 "cpu asan" asan test
expect 8 "cpu asan tsan" tsan test
expect 0 "cpu tsan" none test # asan passed just now.
expect 0 "cpu" none test
grep -q "tests of preset asan: passed before" "$tree/log"
SLUICE_TEST_PEERS=optional PEERS=optional expect 0 "cpu asan tsan" none test
expect 0 "cpu asan tsan" none test # Those may have skipped.
echo two >"$tree/build/asan/bin/a_test"
expect 8 "cpu asan" asan test
expect 0 "cpu asan" none test
expect 0 "asan tsan" none sanitize
echo three | tee "$tree"/build/{asan,tsan}/bin/a_test >"$tree/log"
SLUICE_TEST_MINUTES=16 expect 0 "cpu tsan" none test
grep -q "tests of preset asan: LEFT OUT" "$tree/log"
SLUICE_TEST_MINUTES=34 expect 0 "cpu asan" none test # tsan passed just now.
