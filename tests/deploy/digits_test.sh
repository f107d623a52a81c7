#!/usr/bin/env bash
# digits_test.py with the Python of group digits of deploy/python.txt. Where SLUICE_TEST_PEERS is `required`, a missing
# package is a failure; else the test skips (77).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$here/../../.deps/digits/bin/python
if ! "$python" -c "import sklearn" 2>/dev/null; then
  echo "scikit-learn is not in .deps/digits; deploy/local.sh test installs it"
  if [[ ${SLUICE_TEST_PEERS:-} == required ]]; then exit 1; fi
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$python" "$here/digits_test.py"
