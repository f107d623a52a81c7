#!/usr/bin/env bash
# Format, shell scripts, protocol and clang-tidy, over the files that git tracks. deploy/local.sh lint calls this
# after it has installed the tools. A source that passed clang-tidy leaves a stamp in build/lint/stamps, named by a
# hash of all that its result depends on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=build/lint
export PATH=$PWD/.deps/venv/bin:$PATH

step() { printf '==> lint: %s\n' "$*"; }

check_format() {
  step "format"
  git ls-files -z '*.cc' '*.h' '*.cu' '*.cuh' | xargs -0 -r clang-format --dry-run -Werror
}

check_scripts() {
  step "shell scripts"
  git ls-files -z '*.sh' .ci/run | xargs -0 -r shellcheck
}

check_protocol() {
  step "protocol"
  buf lint proto
  # proto/published.json is what programs out there speak; proto/README.md says when it is renewed.
  buf breaking proto --against proto/published.json
}

# Without LibTorch: a source that includes it takes clang-tidy a minute or more.
prepare_tidy() {
  cmake -G Ninja -S . -B "$folder" -DSLUICE_WITH_TORCH=OFF >"$folder.log" || { cat "$folder.log" && return 1; }
  local generated
  mapfile -t generated < <(ninja -C "$folder" -t targets all | sed -n 's/^\([^:]*\.\(h\|inc\)\): CUSTOM_COMMAND.*/\1/p')
  ninja -C "$folder" "${generated[@]}" >/dev/null
}

# Prints "HASH SOURCE" per tracked source of the compile commands. HASH covers the source and what it includes of ours,
# however deep, and what is common to all: the checks, the protocol, the compiler's flags.
hash_sources() {
  local common
  common=$(cat .clang-tidy proto/sluice/v1/*.proto deploy/cmake/*.cmake deploy/packages.txt | sha256sum | cut -d" " -f1)
  git ls-files '*.cc' '*.h' | xargs grep -H '^#include "' >"$folder/includes" || true
  git ls-files '*.cc' '*.h' | xargs sha256sum >"$folder/sums"
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$folder/compile_commands.json" | sort -u |
    awk -v top="$PWD/" -v folder="$PWD/$folder/" -v common="$common" '
      function visit(file,    count, parts, i) {
        if (seen[file] == root || !(file in sum)) return
        seen[file] = root
        text = text sum[file]
        count = split(includes[file], parts, " ")
        for (i = 1; i <= count; i++) visit(parts[i])
      }
      FILENAME ~ /sums$/ { sum[$2] = $1; next }
      FILENAME ~ /includes$/ {
        split($0, side, ":#include \"")
        sub(/".*/, "", side[2])
        includes[side[1]] = includes[side[1]] " " side[2]
        next
      }
      index($0, top) == 1 && index($0, folder) != 1 {
        root = substr($0, length(top) + 1)
        if (!(root in sum)) next
        text = ""
        visit(root)
        print common text, root
      }' "$folder/sums" "$folder/includes" - |
    while read -r text source; do printf '%s %s\n' "$(sha256sum <<<"$text" | cut -d' ' -f1)" "$source"; done
}

# tidy_one HASH SOURCE
tidy_one() {
  if clang-tidy --quiet -p "$folder" "$2" 2>"$folder/stamps/$1.err"; then
    rm -f "$folder/stamps/$1.err"
    touch "$folder/stamps/$1"
  else
    cat "$folder/stamps/$1.err"
    return 1
  fi
}

check_tidy() {
  mkdir -p "$folder/stamps"
  prepare_tidy
  local hash source pending=()
  while read -r hash source; do
    if [[ ! -e $folder/stamps/$hash ]]; then pending+=("$hash" "$source"); fi
  done < <(hash_sources)
  step "clang-tidy, $((${#pending[@]} / 2)) sources changed since they last passed"
  if ((${#pending[@]} == 0)); then return; fi
  export folder
  export -f tidy_one
  # The inner shell expands its own arguments.
  # shellcheck disable=SC2016
  printf '%s\n' "${pending[@]}" | xargs -n 2 -P "${SLUICE_JOBS:-2}" bash -c 'tidy_one "$1" "$2"' tidy
}

check_format
check_scripts
check_protocol
if [[ ${1:-} != --quick ]]; then check_tidy; fi
step "clean"
