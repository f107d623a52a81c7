# shellcheck shell=bash
# A Docker engine of the test's own, for sourcing. It runs as root in a network namespace of its own, so that no port, rule
# or bridge of the machine is touched. What it keeps is under $engine_data, so that a second run finds its layers.
: "${engine_folder:?}" "${engine_data:?}" "${engine_space:?}"

# engine_missing: prints why there can be no engine here; nothing if there can.
engine_missing() {
  local program
  if [[ $(id -u) != 0 ]]; then echo "not root" && return; fi
  for program in dockerd debootstrap ip iptables nsenter; do
    if ! command -v "$program" >/dev/null; then echo "$program is not in PATH (group compose of deploy/packages.txt)" && return; fi
  done
}

# engine_start build|run: for builds in the machine's network, from where packages come; for containers in its own.
engine_start() {
  local options=(--data-root "$engine_data" --exec-root "$engine_folder/exec" --pidfile "$engine_folder/pid"
    -H "unix://$engine_folder/socket")
  export DOCKER_HOST=unix://$engine_folder/socket
  if [[ $1 == build ]]; then
    setsid dockerd "${options[@]}" --iptables=false --bridge=none >>"$engine_folder/log" 2>&1 &
  else
    ip netns add "$engine_space"
    ip -n "$engine_space" link set lo up
    # Not `ip netns exec`: that hides the control groups.
    setsid nsenter --net="/run/netns/$engine_space" dockerd "${options[@]}" >>"$engine_folder/log" 2>&1 &
  fi
  local deadline=$((SECONDS + 120))
  until docker info >/dev/null 2>&1; do
    if ((SECONDS > deadline)) || ! kill -0 $! 2>/dev/null; then
      tail -5 "$engine_folder/log"
      return 1
    fi
    sleep 0.2
  done
}

engine_stop() {
  local pid
  pid=$(cat "$engine_folder/pid" 2>/dev/null) || return 0
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  if [[ -e /run/netns/$engine_space ]]; then ip netns delete "$engine_space"; fi
}

# engine_base IMAGE: Debian 12 as small as debian:12-slim, from Debian's archive.
engine_base() {
  if docker image inspect "$1" >/dev/null 2>&1; then return; fi
  local root=$engine_folder/base
  debootstrap --variant=minbase bookworm "$root" >"$engine_folder/debootstrap.log" || return 1
  rm -rf "$root"/usr/share/{doc,man,info,locale,groff,lintian}/* "$root"/var/{lib/apt/lists,cache/apt,log}/*
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale groff lintian >"$root/etc/dpkg/dpkg.cfg.d/docker"
  # What this machine trusts beside Debian's authorities, for a proxy on the way to PyPI: the package ca-certificates takes it in.
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    install -D -m 644 -t "$root/usr/local/share/ca-certificates" /usr/local/share/ca-certificates/*.crt
  fi
  tar -C "$root" -c . | docker import - "$1" >/dev/null
  rm -rf "$root"
}
