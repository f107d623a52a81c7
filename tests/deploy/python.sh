#!/usr/bin/env bash
# python.sh TEST.py ARGUMENT…: runs a test with the Python of group deploytest of deploy/python.txt. Where SLUICE_TEST_PEERS
# is `required`, a missing package is a failure; else the test skips (77).
set -euo pipefail
bin=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.deps/deploytest/bin
modules='cloudcoil, compose, kubeflow_trainer_api, kubernetes_validate, yaml'
if [[ ! -x $bin/hadolint || ! -x $bin/kubectl ]] || ! "$bin/python" -c "import $modules" 2>/dev/null; then
  echo "the packages of group deploytest of deploy/python.txt are not in .deps/deploytest; deploy/local.sh test installs them"
  if [[ ${SLUICE_TEST_PEERS:-} == required ]]; then exit 1; fi
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1 PATH=$bin:$PATH
exec python "$@"
