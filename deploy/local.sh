#!/usr/bin/env bash
# Everything a newcomer does with Sluice on one Debian 12 machine; see usage() or deploy/README.md.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$top/.deps
called_from=$PWD
cd "$top"

usage() {
  cat <<'HELP'
Usage: deploy/local.sh COMMAND

Commands
  demo [OPTION…]     install what is missing, build, run the demo into build/demo
                     (--keep leaves the sidecar up, --seeds N repeats; more: sluice-worker demo --help);
                     --pretrained: a DINOv2 ViT-S/14 into build/demo-pretrained, about 15 minutes
  study [OPTION…]    the same for the study of gates into build/study (--quick: ten minutes; without, hours; goes on where
                     it was interrupted; more: sluice-worker study --help); --pretrained: into build/study-pretrained
  continual [OPTION…]  the same for strategies against forgetting into build/continual (--quick: ten minutes); --digits: on
                     scikit-learn's digits, which it installs, into build/continual-digits
  test [CTEST-ARG…]  install what is missing, build everything, run all tests, then those under the sanitizers unless
                     they passed with the same binaries before; with arguments, only the tests of the preset cpu
  build [PRESET]     install what is missing and build: cpu (default), cuda, asan or tsan
  lint [--quick]     format, shell scripts and protocol, and unless --quick clang-tidy; files that passed are not
                     checked again
  sanitize           build and test under the address and the thread sanitizer, whatever has passed before
  fuzz [SECONDS]     build tests/fuzz with clang and run each target so long, 60 unless told otherwise
  convert dinov2     fetch a pretrained DINOv2 ViT-S/14 and convert it for --model.init, into .deps/weights
                     (--output FILE: elsewhere)
  parity [NAME…]     compare logits and every gradient with timm's (tests/parity; installs 5 GB of Python packages);
                     parity step [OPTION…]: the time of a dense step beside timm's, in turns
  reference          build, and write deploy/reference (options, metrics) anew from the programs
  stage              build, and put into build/image what deploy/Dockerfile takes with BINARIES=prebuilt
  soak [NAME…]       build, and run tests of faults with their large counts, an hour or more each (deploy/soak.sh lists
                     them; and `fuzz`: ten minutes for each target); logs into build/soak
  compose            build, then run deploy/compose.yaml in a Docker engine of its own, with faults (needs root; two minutes,
                     the first time five); with SLUICE_BINARIES=compiled the programs are compiled in the images instead
  clean              remove build/

Environment
  LIBTORCH_ROOT      folder with LibTorch's include/ and lib/; default .deps/libtorch/torch, downloaded if missing
  CMAKE_PREFIX_PATH  where CMake looks for other libraries first
  SLUICE_PACKAGES    `skip` installs no Debian package, for machines that are set up in another way
  SLUICE_TEST_MINUTES  `test` leaves out a sanitizer's tests that may end after so many minutes, and says so
  SLUICE_TEST_PEERS  `required` (default): a test fails if a program or package is missing that it needs beside what
                     is built here; `optional`: it skips
  SLUICE_JOBS        parallel jobs; default: processors, but at most one for every 2 GiB of memory
HELP
}

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'deploy/local.sh: %s\n' "$*" >&2
  exit 1
}

# Second column of the lines of file $1 whose first column is among the remaining arguments.
listed() {
  local file=$1 group rest wanted=" ${*:2} "
  while read -r group rest; do
    if [[ -n $group && $group != \#* && $wanted == *" $group "* ]]; then printf '%s\n' "$rest"; fi
  done <"$file"
}

job_count() { deploy/jobs.sh; }

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root or sudo to run: $*"
  fi
}

# Debian packages of the groups named that are missing or of another version.
missing_packages() {
  local spec state
  while read -r spec; do
    state=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "${spec%%=*}" 2>/dev/null || true)
    # The right side is a glob on purpose.
    # shellcheck disable=SC2053
    if [[ $state != "installed "${spec#*=} ]]; then printf '%s\n' "$spec"; fi
  done < <(listed deploy/packages.txt "$@")
}

install_packages() {
  if [[ ${SLUICE_PACKAGES:-} == skip ]]; then return; fi
  command -v dpkg-query >/dev/null || die "needs Debian 12; elsewhere install deploy/packages.txt and set SLUICE_PACKAGES=skip"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then return; fi
  say "installing ${missing[*]}"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# make_venv [NAME], `venv` by default. A virtual environment: Debian's own Python refuses pip (PEP 668).
make_venv() {
  local venv=$deps/${1:-venv}
  if [[ -x $venv/bin/python && -e $venv/ready ]]; then return; fi
  rm -rf "$venv"
  mkdir -p "$deps"
  python3 -m venv "$venv"
  touch "$venv/ready"
}

# Version of the LibTorch in folder $1, without the local part after `+`; empty if it is not whole.
torch_version() {
  if [[ -e $1/torch/lib/libtorch_cpu.so && -e $1/torch/lib/libc10.so && -e $1/torch/version.py ]]; then
    sed -n "s/^__version__ = '\([^+']*\).*/\1/p" "$1/torch/version.py"
  fi
}

install_libtorch() {
  if [[ -n ${LIBTORCH_ROOT:-} ]]; then
    [[ -e $LIBTORCH_ROOT/lib/libtorch_cpu.so ]] || die "LIBTORCH_ROOT=$LIBTORCH_ROOT: lib/libtorch_cpu.so is not there"
    return
  fi
  local specs want partial
  mapfile -t specs < <(listed deploy/python.txt libtorch)
  want=${specs[0]#torch==}
  if [[ $(torch_version "$deps/libtorch") == "$want" ]]; then return; fi
  make_venv
  say "installing LibTorch $want into .deps/libtorch"
  # A temporary folder and a rename: what carries the final name is whole.
  partial=$(mktemp -d "$deps/libtorch.XXXXXX")
  # The path is wanted as it is now.
  # shellcheck disable=SC2064
  trap "rm -rf '$partial'" EXIT
  "$deps/venv/bin/python" -m pip install -q --no-deps --no-compile --target "$partial" "${specs[@]}"
  [[ $(torch_version "$partial") == "$want" ]] || die "the LibTorch installed is not $want"
  chmod 755 "$partial"
  rm -rf "$deps/libtorch"
  mv "$partial" "$deps/libtorch"
  trap - EXIT
}

# Python tools of the groups named, into the virtual environment.
install_tools() {
  local specs stamp
  mapfile -t specs < <(listed deploy/python.txt "$@")
  stamp=$deps/venv/ready-$1
  if [[ -e $stamp && $(<"$stamp") == "${specs[*]}" ]]; then return; fi
  make_venv
  say "installing ${specs[*]}"
  "$deps/venv/bin/python" -m pip install -q "${specs[@]}"
  printf '%s\n' "${specs[*]}" >"$stamp"
}

# Python packages of group $1 into a virtual environment .deps/$1 of their own, then those of group $1-alone without
# what they depend on.
install_apart() {
  local specs alone stamp=$deps/$1/ready-$1
  mapfile -t specs < <(listed deploy/python.txt "$1")
  mapfile -t alone < <(listed deploy/python.txt "$1-alone")
  if [[ -e $stamp && $(<"$stamp") == "${specs[*]} ${alone[*]}" ]]; then return; fi
  make_venv "$1"
  say "installing ${specs[*]} ${alone[*]} into .deps/$1"
  "$deps/$1/bin/python" -m pip install -q "${specs[@]}"
  if ((${#alone[@]} > 0)); then "$deps/$1/bin/python" -m pip install -q --no-deps "${alone[@]}"; fi
  printf '%s\n' "${specs[*]} ${alone[*]}" >"$stamp"
}

# configure PRESET. The presets are under deploy/; CMake reads them through an untracked file at the top.
configure() {
  if [[ ! -e CMakeUserPresets.json ]]; then
    printf '{"version": 4, "include": ["deploy/CMakePresets.json"]}\n' >CMakeUserPresets.json
  fi
  cmake --preset "$1" -DLIBTORCH_ROOT="${LIBTORCH_ROOT:-$deps/libtorch/torch}" >&2
}

# build PRESET [TARGET…]
build() {
  case $1 in
    cpu | cuda | asan | tsan) ;;
    fuzz) install_packages fuzz ;;
    *) die "preset '$1' is unknown; it is one of cpu, cuda, asan, tsan, fuzz" ;;
  esac
  install_packages build
  case $1 in cpu | cuda) install_libtorch ;; esac
  configure "$1"
  cmake --build --preset "$1" --parallel "$(job_count)" ${2:+--target "${@:2}"} >&2
}

# run_comparison demo|study [--pretrained] [OPTION…]
run_comparison() {
  local output=build/$1 weights=$deps/weights/vit_small_patch14_dinov2.safetensors argument arguments=()
  for argument in "${@:2}"; do
    if [[ $argument == --pretrained ]]; then
      output=build/$1-pretrained
      arguments+=(--init "$weights")
    else
      arguments+=("$argument")
    fi
  done
  if [[ $output == *-pretrained && ! -e $weights ]]; then convert dinov2; fi
  build cpu sluice-worker sluice-sidecar sluicectl
  exec build/cpu/bin/sluice-worker "$1" --output "$output" "${arguments[@]}"
}

# continual [--digits] [OPTION…]
continual() {
  local output=build/continual arguments=("$@")
  if [[ " $* " == *" --digits "* ]]; then
    output=build/continual-digits
    install_packages build
    install_apart digits
    "$deps/digits/bin/python" deploy/convert/convert_digits.py --output "$deps/digits/data"
    arguments+=(--data "$deps/digits/data")
  fi
  build cpu sluice-worker sluice-sidecar sluicectl
  exec build/cpu/bin/sluice-worker continual --output "$output" "${arguments[@]}"
}

# run_ctest PRESET [CTEST-ARG…]. The line that it begins with is what .ci/closing.awk goes by.
run_ctest() {
  local fixed=()
  # The thread sanitizer does not work with every layout that address randomisation makes.
  if [[ $1 == tsan ]] && setarch "$(uname -m)" -R true 2>/dev/null; then fixed=(setarch "$(uname -m)" -R); fi
  say "tests of preset $1"
  "${fixed[@]}" ctest --test-dir "build/$1" --output-on-failure --parallel "$(job_count)" "${@:2}"
}

# test_sanitized PRESET: builds, and runs the tests unless these very binaries have passed before. Tests start each
# other's programs, so one stamp stands for all. The checks of the tree and of scripts are the preset cpu's.
test_sanitized() {
  local targets=() chosen=(-LE 'deploy|browser') stamp=build/$1/passed sums
  if [[ $1 == tsan ]]; then targets=(sluice_thread_tests) chosen=(-L threads); fi
  say "building preset $1"
  build "$1" "${targets[@]}"
  # Without its peers a test may have skipped: that is no pass where they are required.
  sums=$(printf 'peers: %s\n' "$SLUICE_TEST_PEERS" && find "build/$1/bin" -type f -print0 | sort -z | xargs -0 sha256sum)
  if [[ -e $stamp && $(<"$stamp") == "$sums" ]]; then
    say "tests of preset $1: passed before with the same binaries"
    return
  fi
  rm -f "$stamp"
  run_ctest "$1" "${chosen[@]}"
  printf '%s\n' "$sums" >"$stamp"
}

# What tests need beside what is built here. They read the variable.
install_peers() {
  export SLUICE_TEST_PEERS=${SLUICE_TEST_PEERS:-required}
  case $SLUICE_TEST_PEERS in
    required | optional) ;;
    *) die "SLUICE_TEST_PEERS is '$SLUICE_TEST_PEERS', expected required or optional" ;;
  esac
  install_packages build test
  install_tools examples
  install_apart deploytest
  install_apart digits
}

run_tests() {
  install_peers
  build cpu
  run_ctest cpu "$@"
  if (($# > 0)); then return; fi
  if time_is_left asan 34; then test_sanitized asan; fi
  if time_is_left tsan 7; then test_sanitized tsan; fi
}

# time_is_left PRESET MINUTES: whether so many are left of SLUICE_TEST_MINUTES, if that is set. A slow machine then tests less,
# and says so.
time_is_left() {
  if [[ -z ${SLUICE_TEST_MINUTES:-} ]] || ((SECONDS / 60 + $2 <= SLUICE_TEST_MINUTES)); then return; fi
  say "tests of preset $1: LEFT OUT, $((SECONDS / 60)) of $SLUICE_TEST_MINUTES min were used up and they may take $2"
  return 1
}

sanitize() {
  local preset
  install_peers
  for preset in asan tsan; do
    rm -f "build/$preset/passed"
    test_sanitized "$preset"
  done
}

# fuzz [SECONDS]: every target in tests/fuzz, as many at a time as there are processors. Each begins with good inputs and
# with what tests/fuzz/corpus keeps; what is new stays in build/fuzz/found.
fuzz() {
  local seconds=${1:-60} found=build/fuzz/found target
  if (($# > 1)) || ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then die "fuzz takes a number of seconds, got: $*"; fi
  build fuzz sluice_fuzz
  build/fuzz/bin/sluice_fuzz_seeds "$found"
  for target in build/fuzz/fuzz/fuzz_*; do
    target=${target##*/}
    mkdir -p "$found/$target"
    printf '%s\n' "$target"
  done | xargs -P "$(job_count)" -I '{}' deploy/fuzz_one.sh "$seconds" '{}'
  say "no target of tests/fuzz found a fault in $seconds s each"
}

lint() {
  install_packages build lint
  install_tools lint
  SLUICE_JOBS=$(job_count) deploy/lint.sh "$@"
}

# convert NAME [--output FILE]
convert() {
  local name=${1:-} output=$deps/weights/vit_small_patch14_dinov2.safetensors
  if [[ $name != dinov2 ]]; then die "model '$name' is unknown to convert; it is one of dinov2"; fi
  case $#,${2:-} in
    1,) ;;
    3,--output) output=$(cd "$called_from" && realpath -m -- "$3") ;;
    *) die "convert $name takes --output FILE, got: ${*:2}" ;;
  esac
  install_packages build
  install_apart convert
  "$deps/convert/bin/python" deploy/convert/convert_dinov2.py --output "$output"
}

parity() {
  if [[ ${1:-} == step ]]; then
    build cpu sluice_dense_steps
    install_apart parity
    "$deps/parity/bin/python" tests/parity/dense_step.py --tool build/cpu/bin/sluice_dense_steps "${@:2}"
    return
  fi
  build cpu sluice_parity_tool
  install_apart parity
  "$deps/parity/bin/python" tests/parity/convert_test.py
  "$deps/parity/bin/python" tests/parity/parity.py --tool build/cpu/bin/sluice_parity_tool "$@"
}

# The folder with LibTorch's wheels.
wheels() { realpath -m "${LIBTORCH_ROOT:-$deps/libtorch/torch}/.."; }

stage() {
  build cpu sluice-worker sluice-sidecar sluicectl
  deploy/stage.sh cpu build/cpu/bin "$(wheels)" build/image
  say "docker build takes build/image with --build-arg BINARIES=prebuilt"
}

reference() {
  build cpu sluice-worker sluice-sidecar sluice_metrics_reference
  deploy/reference.sh build/cpu/bin deploy/reference
}

# soak [NAME…]. Fuzzing, by the name `fuzz`, has a build of its own.
soak() {
  local targets name names=()
  for name in "$@"; do
    if [[ $name != fuzz ]]; then names+=("$name"); fi
  done
  if (($# == 0 || ${#names[@]} > 0)); then
    targets=$(deploy/soak.sh targets "${names[@]}")
    install_peers
    mapfile -t targets <<<"$targets"
    build cpu "${targets[@]}"
    deploy/soak.sh run build/cpu/bin "${names[@]}"
  fi
  if (($# == 0 || $# > ${#names[@]})); then fuzz 600; fi
}

compose() {
  case ${SLUICE_BINARIES:=prebuilt} in
    prebuilt | compiled) ;;
    *) die "SLUICE_BINARIES is '$SLUICE_BINARIES', expected prebuilt or compiled" ;;
  esac
  install_packages build test compose
  install_apart deploytest
  if [[ $SLUICE_BINARIES == prebuilt ]]; then build cpu sluice-worker sluice-sidecar sluicectl; fi
  export SLUICE_BINARIES SLUICE_TEST_PEERS=${SLUICE_TEST_PEERS:-required}
  exec tests/deploy/containers/compose_live.sh build/cpu/bin "$(wheels)" build/compose
}

main() {
  local command=${1:-}
  if (($# > 0)); then shift; fi
  case $command in
    demo | study) run_comparison "$command" "$@" ;;
    continual) continual "$@" ;;
    test) run_tests "$@" ;;
    build)
      if (($# > 1)); then die "build takes one preset, got: $*"; fi
      build "${1:-cpu}"
      say "binaries are in build/${1:-cpu}/bin"
      ;;
    lint) lint "$@" ;;
    sanitize) sanitize ;;
    fuzz) fuzz "$@" ;;
    convert) convert "$@" ;;
    parity) parity "$@" ;;
    soak) soak "$@" ;;
    reference | stage | compose)
      if (($# > 0)); then die "$command takes no argument, got: $*"; fi
      "$command"
      ;;
    clean) rm -rf build ;;
    -h | --help | help) usage ;;
    '') usage >&2 && exit 2 ;;
    *) die "command '$command' is unknown; see deploy/local.sh --help" ;;
  esac
}

main "$@"
