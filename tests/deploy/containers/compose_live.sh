#!/usr/bin/env bash
# compose_live.sh BIN LIBTORCH FOLDER: deploy/compose.yaml in a real engine, with images of the programs in BIN and the
# LibTorch in LIBTORCH: they build, `up --wait` is healthy, killed ranks and a killed sidecar recover, training completes,
# `down` leaves nothing. FOLDER keeps layers for the next time. 77 where no engine can be started. About two minutes, five
# the first time; needs the network for Debian's packages. SLUICE_BINARIES=compiled: the programs are compiled in the images, as
# compose.yaml does by itself, and BIN and LIBTORCH are left alone.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
bin=$(realpath -m "$1") libtorch=$(realpath -m "$2") keep=$(realpath -m "$3")
engine_folder=$(mktemp -d) engine_data=$keep/docker engine_space=sluice-compose-$$
# shellcheck source=tests/deploy/containers/engine.sh
source "$here/engine.sh"
limit=$((150 * 1000 * 1000))
steps=${SLUICE_TRAIN_STEPS:-1000} binaries=${SLUICE_BINARIES:-prebuilt}

say() { printf '==> compose: %s\n' "$*"; }
fail() {
  say "FAILED: $*"
  compose logs --no-color --tail 20 2>/dev/null || true
  exit 1
}
skip() {
  say "SKIPPED: $*"
  if [[ ${SLUICE_TEST_PEERS:-} == required ]]; then exit 1; fi
  exit 77
}
cleanup() {
  compose down -v --timeout 5 >/dev/null 2>&1 || true
  engine_stop
  rm -rf "$engine_folder"
}
compose() { "$composer" -f "$top/deploy/compose.yaml" -f "$here/live.yaml" "$@"; }
container() { docker inspect -f "$2" "sluice-$1-1"; }
health() { container "$1" '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}'; }

# wait_for SECONDS WHAT COMMAND…
wait_for() {
  local deadline=$((SECONDS + $1))
  until "${@:3}"; do
    if ((SECONDS > deadline)); then fail "$2 did not come in $1 s"; fi
    sleep 0.5
  done
}
is_healthy() {
  local name
  for name in "$@"; do [[ $(health "$name") == "running healthy" ]] || return 1; done
}
# The process as the machine sees it, ended as the kernel does when memory is short: `docker kill` counts as a stop by hand,
# after which nothing is started again.
kill_process() { kill -KILL "$(container "$1" '{{.State.Pid}}')"; }
restarted() { (($(container "$1" '{{.RestartCount}}') > $2)); }
generation() { docker logs sluice-rank0-1 2>&1 | sed -n 's/.*goes on after step .* as generation \([0-9]*\)$/\1/p' | tail -1; }
is_newer() { local now && now=$(generation) && ((now > $1)); }
ctl() { docker exec sluice-sidecar-1 sluicectl "$@"; }
steps_done() { ctl get compose | awk '$1 ~ "^step:?$" && !seen++ {print $2}'; }
# Between faults the run is paused, so that no machine is too fast for them. Wishes go in one call, since a call into a
# container takes the time of many steps.
order() {
  # $wish is for the container's shell.
  # shellcheck disable=SC2016
  docker exec sluice-rank0-1 bash -ec 'for wish; do sluicectl worker "$wish" 127.0.0.1:50560; done' order "$@" >/dev/null 2>&1
}

build_images() {
  local start=$SECONDS size
  engine_start build || skip "the engine does not start"
  engine_base sluice-base:12 || skip "debootstrap: $(tail -1 "$engine_folder/debootstrap.log")"
  if [[ $binaries == prebuilt ]]; then "$top/deploy/stage.sh" cpu "$bin" "$libtorch" "$top/build/image"; fi
  say "building images ($binaries); what the builder says is in $keep/build.log"
  compose --progress plain build rank0 sidecar >"$keep/build.log" 2>&1 || { tail -40 "$keep/build.log" && fail "images do not build"; }
  build_monitoring
  engine_stop
  engine_start run || skip "the engine does not start in a network namespace"
  size=$(docker image inspect -f '{{.Size}}' sluice-sidecar:0.1.0)
  say "images ($binaries): $((SECONDS - start)) s; sidecar $((size / 1000000)) MB, worker" \
    "$(($(docker image inspect -f '{{.Size}}' sluice-worker:0.1.0) / 1000000)) MB"
  ((size <= limit)) || fail "the sidecar's image has $size bytes, expected at most $limit"
}

# Images of Prometheus and Alertmanager, of Debian's programs.
build_monitoring() {
  local context=$engine_folder/monitoring name
  mkdir "$context"
  for name in prometheus promtool prometheus-alertmanager amtool; do
    cp -L "$(command -v "$name")" "$context/" || skip "$name is not in PATH (group test of deploy/packages.txt)"
  done
  cp /usr/share/prometheus/alertmanager/*.tmpl "$context/"
  for name in prometheus alertmanager; do
    docker build -q --network host --build-arg BASE_IMAGE=sluice-base:12 --target "$name" -t "sluice-test-$name" \
      -f "$here/Dockerfile.monitoring" "$context" >"$engine_folder/build" 2>&1 ||
      { cat "$engine_folder/build" && fail "the stand-in for $name does not build"; }
  done
}

bring_up() {
  local start=$SECONDS service services=(rank0 rank1 sidecar prometheus alertmanager)
  if docker image inspect "${GRAFANA_IMAGE:=grafana/grafana:11.6.0}" >/dev/null 2>&1; then
    services+=(grafana)
  else
    say "without Grafana: its image '$GRAFANA_IMAGE' is not there, and no registry is asked"
  fi
  compose up -d --no-build --wait --wait-timeout 300 "${services[@]}" >"$engine_folder/up" 2>&1 ||
    { cat "$engine_folder/up" && fail "up --wait"; }
  order pause || fail "the run ended, or does not pause"
  say "up --wait: healthy after $((SECONDS - start)) s"
  for service in "${services[@]}"; do
    [[ $(container "$service" '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}') == "true [ALL]" ]] ||
      fail "$service may write to its root, or has capabilities"
  done
  [[ $(docker exec sluice-sidecar-1 id -u) != 0 && $(docker exec sluice-rank0-1 id -u) != 0 ]] || fail "root in a container"
  wait_for 120 "a scrape of the sidecar" scraped
}
scraped() {
  docker exec sluice-prometheus-1 promtool query instant http://127.0.0.1:9090 'up{job="sluice-sidecar"} == 1' | grep -q '=> 1'
}

# After a rank's end the others end too, and all go on from the newest checkpoint as another generation.
kill_rank() {
  local before start=$SECONDS restarts begun
  before=$(generation) restarts=$(container "$1" '{{.RestartCount}}')
  # A few steps, and a checkpoint to go on from.
  order resume pause checkpoint resume || fail "the run does not go on, pause and save"
  kill_process "$1"
  wait_for 60 "a restart of $1" restarted "$1" "$restarts"
  wait_for 180 "a generation after $before" is_newer "$before"
  wait_for 60 "a pause" order pause
  wait_for 120 "health of both ranks" is_healthy rank0 rank1
  begun=$(docker logs sluice-rank0-1 2>&1 | grep -o 'goes on after.*' | tail -1)
  [[ $begun != *"step 0 "* ]] || fail "after the end of $1 the run began anew"
  say "$1 killed: healthy again after $((SECONDS - start)) s, $begun"
}

# The run does not end, and the state is still there.
kill_sidecar() {
  local start=$SECONDS before restarts
  before=$(container rank0 '{{.State.Pid}}') restarts=$(container sidecar '{{.RestartCount}}')
  kill_process sidecar
  wait_for 60 "a restart of the sidecar" restarted sidecar "$restarts"
  wait_for 120 "health of the sidecar" is_healthy sidecar
  wait_for 60 "the run in its state" ctl get compose >/dev/null
  [[ $(container rank0 '{{.State.Pid}}') == "$before" ]] || fail "rank 0 ended with the sidecar"
  say "sidecar killed: healthy again after $((SECONDS - start)) s"
}

has_ended() { [[ $(health rank0) == exited* && $(health rank1) == exited* ]]; }
finish() {
  local start=$SECONDS name
  order resume || fail "the run does not resume"
  wait_for 900 "the end of training" has_ended
  for name in rank0 rank1; do
    [[ $(container "$name" '{{.State.ExitCode}}') == 0 ]] || fail "$name ended with $(container "$name" '{{.State.ExitCode}}')"
  done
  [[ $(steps_done) == "$steps" ]] || fail "the sidecar knows of step $(steps_done), expected $steps"
  say "training: $steps steps done, $((SECONDS - start)) s after the last fault; sidecar and ranks agree"
  compose stop sidecar >/dev/null 2>&1
  [[ $(container sidecar '{{.State.ExitCode}}') == 0 ]] || fail "the sidecar ended with $(container sidecar '{{.State.ExitCode}}')"
  start=$SECONDS
  compose down -v >/dev/null 2>&1 || fail "down"
  [[ -z $(docker ps -aq)$(docker volume ls -q)$(docker network ls -q --filter name=sluice) ]] || fail "down leaves something"
  say "down: clean after $((SECONDS - start)) s"
}

main() {
  local why
  why=$(engine_missing)
  composer=$(ls "$top"/.deps/deploytest/lib/python3*/site-packages/compose/docker-compose 2>/dev/null) ||
    why+=" docker-compose is not in .deps/deploytest (group deploytest of deploy/python.txt)"
  if [[ -n $why ]]; then skip "$why"; fi
  # Debian's client builds with BuildKit by itself; others want a plugin for it.
  docker() { /usr/bin/docker "$@"; }
  export DOCKER_BUILDKIT=1 COMPOSE_BAKE=false SLUICE_TRAIN_STEPS=$steps SLUICE_BASE_IMAGE=sluice-base:12 SLUICE_BINARIES=$binaries
  export LIVE_TOML=$here/live.toml PROMETHEUS_IMAGE=sluice-test-prometheus ALERTMANAGER_IMAGE=sluice-test-alertmanager
  mkdir -p "$keep"
  trap cleanup EXIT
  build_images
  bring_up
  kill_rank rank1
  kill_sidecar
  kill_rank rank0
  finish
  say "passed in $SECONDS s"
}

main
