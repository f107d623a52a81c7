#!/usr/bin/env bash
# Plants each fault that tree_check.sh looks for into a tree of its own, and expects it to be named.
set -euo pipefail
unset "${!GIT_@}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
git init -q .
mkdir -p common worker/gate tests/common
touch README.md LICENSE CMakeLists.txt common/README.md worker/README.md worker/gate/README.md tests/README.md
touch common/a.cc worker/gate/b.h tests/common/a_test.cc
git add .

expect_clean() { "$here/tree_check.sh" "$tree" || { echo "unexpected fault: $1" && exit 1; }; }

# plant FILE TEXT EXPECTED
plant() {
  mkdir -p "$(dirname "$1")"
  printf '%b' "$2" >"$1"
  git add "$1"
  local output
  if output=$("$here/tree_check.sh" "$tree") || [[ $output != *"$3"* ]]; then
    printf 'planted %s, expected "%s", got:\n%s\n' "$1" "$3" "$output"
    exit 1
  fi
  git rm -q -f --cached "$1"
  rm -f "$1"
}

expect_clean "at the start"
plant notes.md 'x\n' "does not belong at the top level: notes.md"
plant kernels/k.cu 'x\n' "has no README.md: kernels"
plant worker/data/d.cc 'x\n' "has no README.md: worker/data"
plant common/p.cc '// see /ho''me/me/x\n' "names a path of one machine or a registry: common/p.cc:1"
plant common/q.sh 'curl https:/''/deb.debian.org/\n' "names a path of one machine or a registry: common/q.sh:1"
plant common/long.h "$(printf 'int x;\\n%.0s' $(seq 301))" "is over 300 lines: common/long.h"
expect_clean "at the end"
