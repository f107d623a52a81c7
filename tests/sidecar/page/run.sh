#!/usr/bin/env bash
# run.sh TEST.py ARGUMENT…: runs a test with the Python that has what it needs, and with Chromium in PATH. Where
# SLUICE_TEST_PEERS is `required`, a missing one is a failure; else the test skips (77).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$here/../../../.deps/deploytest/bin/python

missing() {
  printf '%s; deploy/local.sh test installs it\n' "$*"
  if [[ ${SLUICE_TEST_PEERS:-} == required ]]; then exit 1; fi
  exit 77
}

if ! "$python" -c 'import google.protobuf, grpc_tools, playwright, yaml' 2>/dev/null; then
  missing "the packages of group deploytest of deploy/python.txt are not in .deps/deploytest"
fi
command -v chromium >/dev/null || missing "chromium is not in PATH (group test of deploy/packages.txt)"
export PYTHONDONTWRITEBYTECODE=1
# The made-up ranks and the programs of the tests of monitoring.
export PYTHONPATH=$here/../../deploy/monitoring
exec "$python" "$here/$1" "${@:2}"
