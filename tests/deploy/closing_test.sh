#!/usr/bin/env bash
# What .ci/run prints of the log of a test run: the end of every ctest run, the main one's last.
set -euo pipefail
closing=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.ci/closing.awk

# expect WANTED: of the log on standard input.
expect() {
  local got
  got=$(awk -f "$closing")
  if [[ $got != "$1" ]]; then
    printf 'expected:\n%s\ngot:\n%s\n' "$1" "$got"
    exit 1
  fi
}

passed=$'100% tests passed, 0 tests failed out of 2\n\nTotal Test time (real) =   1.00 sec'
failed=$'50% tests passed, 1 tests failed out of 2\n\nTotal Test time (real) =   2.00 sec\n'
failed+=$'\nThe following tests FAILED:\n\t  1 - a_test (Failed)\nErrors while running CTest'

expect $'==> tests of preset asan\n'"$failed"$'\n==> tests of preset cpu\n'"$passed" <<LOG
==> installing x
[1/1] Building CXX object x
==> tests of preset cpu
1/2 Test #1: a_test ...   Passed
$passed
==> building preset asan
[1/1] Linking y
==> tests of preset asan
$failed
LOG
expect $'==> tests of preset asan: passed before with the same binaries\n==> tests of preset cpu\n'"$passed" <<LOG
==> tests of preset cpu
$passed
==> building preset asan
==> tests of preset asan: passed before with the same binaries
LOG
expect $'==> tests of preset cpu\n'"$failed" <<LOG
==> tests of preset cpu
$failed
LOG
expect "" <<LOG
==> installing x
FAILED: x.o
LOG
