# Stages of .ci/run, read by it: their times, what goes on beside them, and that nothing is left when they end.

started=$SECONDS
current=start
times=()
state=$(mktemp -d) # logs and process ids
declare -A side
# every process of this run inherits it, so that those that outlive the run are found
export SCRIPT_TRACKING_CI_RUN=$state

# stage NAME COMMAND...: runs a command under a heading, with its time; a failure ends the whole run
stage() {
  local begun=$SECONDS
  current=$1
  shift
  printf '\n=== %s (at %d s)\n' "$current" $((SECONDS - started))
  "$@"
  printf '=== ok: %s, %d s\n' "$current" $((SECONDS - begun))
  times+=("$((SECONDS - begun)) s  $current")
}

# tests NAME COMMAND...: a stage of tests. Where no more than two of them failed, these are run once more, alone: on a machine that is
# busy with as many servers as it has processors a test may wait in vain. The run names them at its end, for each is to be mended.
tests() {
  stage "$1" steady "${@:2}"
}

steady() {
  local failed=${checkout:-.}/.pytest_cache/v/cache/lastfailed names
  rm -f "$failed"
  if "$@"; then
    return
  fi
  [ -s "$failed" ] || return 1
  mapfile -t names < <(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' "$failed")
  [ "${#names[@]}" -le 2 ] || return 1
  printf '=== failed, and run once more, alone: %s\n' "${names[@]}"
  PYTEST_ADDOPTS="$PYTEST_ADDOPTS --last-failed --last-failed-no-failures=none" WORKERS=0 "$@"
  unsteady+=("${names[@]}")
}
unsteady=()

# beside NAME COMMAND...: starts a command that goes on while other stages run
beside() {
  local name=$1
  shift
  printf '\n=== %s goes on beside what follows (at %d s)\n' "$name" $((SECONDS - started))
  set -m # a process group of its own
  (
    trap - EXIT HUP INT TERM
    begun=$SECONDS
    "$@"
    echo $((SECONDS - begun)) >"$state/$name.time"
  ) >"$state/$name.log" 2>&1 &
  side[$name]=$!
  set +m
}

# await NAME: waits for what was started beside, shows the end of its log; its failure ends the whole run
await() {
  local code=0
  current=$1
  wait "${side[$current]}" || code=$?
  unset "side[$current]"
  printf '\n=== %s, the end of its log\n' "$current"
  tail -n 60 "$state/$current.log"
  [ "$code" -eq 0 ] || return "$code"
  printf '=== ok: %s, %d s beside others\n' "$current" "$(<"$state/$current.time")"
  times+=("$(<"$state/$current.time") s  $current, beside others")
}

# Ids of the processes of this run, those of the shell itself aside, one a line.
left() {
  env -u SCRIPT_TRACKING_CI_RUN grep --files-with-matches --null-data --line-regexp \
    "SCRIPT_TRACKING_CI_RUN=$state" /proc/[0-9]*/environ 2>/dev/null | env -u SCRIPT_TRACKING_CI_RUN cut -d / -f 3
}

# nothing_left: fails where a process of this run goes on though everything has ended
nothing_left() {
  local deadline=$((SECONDS + 30)) pid pids=
  while [ "$SECONDS" -lt "$deadline" ]; do
    pids=$(left || true)
    [ -n "$pids" ] || return 0
    sleep 0.5
  done
  echo 'processes that a stage left behind:'
  for pid in $pids; do
    tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-160 || true
    echo
  done
  return 1
}

# at_end COMMAND: what the run has to do however it ends
at_end() {
  endings+=("$1")
}
endings=()

# The end is not cut short: who ends a run may ask twice, and what the endings run must not be hit either, as by a Ctrl-C.
finish() {
  local code=$? name ending pid
  trap '' HUP INT TERM
  trap - EXIT
  set +e
  [ "$code" -eq 0 ] || printf '=== FAILED: %s, after %d s in all; its log ends above\n' "$current" $((SECONDS - started))
  for name in "${!side[@]}"; do
    kill -TERM -- "-${side[$name]}" 2>/dev/null
    wait "${side[$name]}" 2>/dev/null
  done
  for ending in "${endings[@]}"; do
    "$ending"
  done
  for pid in $(left); do
    kill -KILL "$pid" 2>/dev/null
  done
  [ "${#times[@]}" -eq 0 ] || printf '%s\n' '' 'times of the stages' "${times[@]}"
  [ "${#unsteady[@]}" -eq 0 ] || printf '%s\n' '' 'failed first, and passed alone' "${unsteady[@]}"
  rm -rf "$state"
  [ "$code" -ne 0 ] || printf '\nall stages ok, %d s\n' $((SECONDS - started))
  exit "$code"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
