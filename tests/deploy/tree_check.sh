#!/usr/bin/env bash
# tree_check.sh FOLDER: what git tracks there obeys the layout. The top level holds the known names only; every top
# folder and every folder with sources has a README.md (under tests/ the mirrored folders need none); no text names a
# path of one machine or a package registry's host; no source is over 300 lines.
set -euo pipefail
cd "$1"
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

tracked() { git ls-files --cached -- "$@"; }
fault() { sed "s|^|$1: |" >>"$faults"; }

tops='^(\..*|CMakeLists\.txt|README\.md|LICENSE|proto|common|kernels|worker|sidecar|deploy|tests)$'
tracked | cut -d/ -f1 | sort -u | { grep -vE "$tops" || true; } | fault "does not belong at the top level"

{
  tracked | { grep / || true; } | cut -d/ -f1 | { grep -v '^\.' || true; }
  tracked '*.cc' '*.h' '*.cu' '*.cuh' | { grep -v '^tests/' || true; } | { grep / || true; } | sed 's|/[^/]*$||'
} | sort -u | while read -r folder; do
  if [[ -z $(tracked "$folder/README.md") ]]; then printf '%s\n' "$folder"; fi
done | fault "has no README.md"

text=('*.cc' '*.h' '*.cu' '*.cuh' '*.proto' '*.cmake' '*CMakeLists.txt' '*.sh' '*.md' '*.yaml' '*.yml' '*.json' '*.toml'
  '*.html' '*.js' '*.css' '*.py' '*.txt' '.ci/*' '.clang-*')
machine='(^|[^a-z.])/(work|home|farm|root|tmp)/[a-z.]|://[^ ]*(debian|pythonhosted|pypi)'
git grep --cached -nIE "$machine" -- "${text[@]}" | cut -c1-160 | fault "names a path of one machine or a registry" || true

tracked '*.cc' '*.h' '*.cu' '*.cuh' | while read -r file; do
  if [[ -e $file && $(wc -l <"$file") -gt 300 ]]; then printf '%s\n' "$file"; fi
done | fault "is over 300 lines"

if [[ -s $faults ]]; then
  cat "$faults"
  exit 1
fi
echo "the tree is in order"
