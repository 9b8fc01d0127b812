# The Docker engine of .ci/run, read by it: the running one, else one that is started here and stopped at the end.

dockerd=

# start_docker: waits until an engine answers; shows its log where it does not
start_docker() {
  if docker info >/dev/null 2>&1; then
    echo 'Docker runs already, and is left running'
    return
  fi
  # where no systemd has mounted them
  if [ "$(stat --file-system --format %T /sys/fs/cgroup)" != cgroup2fs ] && ! mountpoint --quiet /sys/fs/cgroup/devices; then
    cgroupfs-mount
  fi
  # the number of a containerd that was killed may by now be another process's, which dockerd would take for it
  if ! pgrep -x containerd >/dev/null; then
    rm -f /run/docker/containerd/containerd.pid
  fi
  setsid dockerd --pidfile "$state/dockerd.pid" >"$state/dockerd.log" 2>&1 &
  dockerd=$!
  at_end stop_docker
  local deadline=$((SECONDS + 180))
  until docker info >/dev/null 2>&1; do
    if ! kill -0 "$dockerd" 2>/dev/null || [ "$SECONDS" -gt "$deadline" ]; then
      echo 'dockerd does not come up:'
      tail -n 40 "$state/dockerd.log"
      kill -KILL "$dockerd" 2>/dev/null || true
      dockerd=
      return 1
    fi
    sleep 0.2
  done
  docker version --format 'Docker {{.Server.Version}}'
}

# what containers and networks of tests have
labels=(org.testcontainers com.docker.compose.project)

# stop_docker: removes what the tests left in the engine that was started here, and ends it
stop_docker() {
  [ -n "$dockerd" ] || return 0
  local label
  for label in "${labels[@]}"; do
    docker ps --all --quiet --filter "label=$label" | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker network ls --quiet --filter "label=$label" | xargs --no-run-if-empty docker network rm >/dev/null
    docker volume ls --quiet --filter "label=$label" | xargs --no-run-if-empty docker volume rm >/dev/null
  done
  kill -TERM "$dockerd" 2>/dev/null || true
  wait "$dockerd" || true
  dockerd=
}

# no_container_left: fails where a test left a container in the engine that was started here
no_container_left() {
  [ -n "$dockerd" ] || return 0
  local label found
  found=$(for label in "${labels[@]}"; do
    docker ps --all --filter "label=$label" --format '{{.Names}} {{.Image}} {{.Status}}'
  done)
  [ -z "$found" ] || { printf 'containers that a stage left behind:\n%s\n' "$found"; return 1; }
}
