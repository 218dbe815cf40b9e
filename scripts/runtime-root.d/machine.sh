# The life of a machine, seen from outside. Each has a folder in $state:
#   lock    held by its first process: a machine whose lock can be taken is dead, whatever its folder says
#   life    a pipe; `run` holds the writing end, and the machine ends with the last one who does
#   ready   a pipe on which it says that it is up
#   pid     its first process, as the host counts
#   disk/   what has to lie on a real file system: /tmp and the stores of container engines
# and a cgroup of the same name. A keeper in a session of its own waits for the end and removes both, so that even
# a killed `run` leaves nothing; what a killed keeper leaves is removed by the next start.

machine_folder() { echo "$state/machines/$1"; }
machine_cgroup() { echo "$(cgroup_mount)/stasis-$1"; }

check_name() {
  [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$ ]] || die "not a machine's name: '$1' (letters, digits, dot, dash; 40 at most)"
}

# is_dead FOLDER: nobody holds its lock.
is_dead() {
  [[ -e $1/lock ]] || return 0
  flock --nonblock "$1/lock" true
}

# Removes a dead machine's cgroups and folder. A dying pid namespace holds its cgroups for some milliseconds.
remove_machine() {
  local name=$1 folder cgroup try
  folder=$(machine_folder "$name")
  cgroup=$(machine_cgroup "$name")
  if [[ -e $cgroup ]]; then
    echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || true
    for try in {1..200}; do
      find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [[ -e $cgroup ]] || break
      sleep 0.05
    done
  fi
  rm -rf --one-file-system "$folder"
  [[ ! -e $cgroup ]] || say "could not remove $cgroup: processes in it did not end ($(tr '\n' ' ' <"$cgroup/cgroup.procs"))"
}

# Called with the state locked, so that no machine is between having a folder and holding its lock.
remove_dead_machines() {
  local folder
  for folder in "$state"/machines/*/; do
    [[ -d $folder ]] || continue
    if is_dead "${folder%/}"; then remove_machine "$(basename "$folder")"; fi
  done
}

# Takes the lock of all machines into the variable `guard`.
lock_state() {
  mkdir -p "$state/machines"
  chmod 700 "$state"
  exec {guard}>"$state/lock"
  flock "$guard"
}

clean_machines() {
  need_namespaces
  lock_state
  remove_dead_machines
  exec {guard}>&-
}

list_machines() {
  local folder
  for folder in "$state"/machines/*/; do
    [[ -d $folder ]] || continue
    is_dead "${folder%/}" || printf '%s\tpid %s\n' "$(basename "$folder")" "$(cat "$folder/pid" 2>/dev/null || echo -)"
  done
}

# prepare_machine NAME: folder, pipes, lock (into `held`) and cgroup.
prepare_machine() {
  local folder cgroup
  folder=$(machine_folder "$1")
  cgroup=$(machine_cgroup "$1")
  lock_state
  remove_dead_machines
  [[ ! -e $folder ]] || die "a machine named $1 is running: stop it, or choose another --name"
  rmdir "$cgroup"/init "$cgroup" 2>/dev/null || true
  mkdir -p "$folder/over" "$folder/disk"/{tmp,vartmp,containerd,containers,stasis,kubelet}
  chmod 1777 "$folder/disk"/{tmp,vartmp}
  mkfifo -m 600 "$folder/life" "$folder/ready"
  exec {held}>"$folder/lock"
  flock "$held"
  mkdir "$cgroup" "$cgroup/init" || die "no cgroup could be made in $(cgroup_mount): is another machine named $1 running, or is it read-only?"
  exec {guard}>&-
}

# boot_machine NAME KEPT: returns when the machine is up; `keeper` is the process that cleans up after it. With
# KEPT=tied the machine ends when this process does, by whatever signal.
boot_machine() {
  local name=$1 kept=$2 folder root answer=
  root=$(root_in_use)
  need_namespaces
  [[ $root != *[:,\\]* ]] || die "the root's path may hold no colon, comma or backslash: $root"
  prepare_machine "$name"
  folder=$(machine_folder "$name")
  exec {ready}<>"$folder/ready" {life}<>"$folder/life" {pulse}<"$folder/life"
  [[ $kept == tied ]] || exec {pulse}<>"$folder/life"
  STASIS_MACHINE=$name STASIS_LOWER=$root STASIS_PULSE=$pulse STASIS_READY=$ready \
    setsid "$self" keep "$name" </dev/null >"$folder/log" 2>&1 {life}>&- &
  keeper=$!
  exec {held}>&- {pulse}<&-
  read -r -t 120 -u "$ready" answer || true
  exec {ready}>&-
  [[ $answer == up ]] && return
  sed 's/^/  /' "$folder/log" >&2 2>/dev/null || true
  exec {life}>&-
  wait "$keeper" || true
  die "the machine did not start: its messages are above"
}

# Keeps `make` from removing the root under a machine.
hold_root() {
  [[ $STASIS_LOWER != / && -w $(dirname "$built") ]] || return 0
  exec {users}>"$built.users"
  flock --shared "$users"
}

# The keeper: starts the machine's first process and cleans up when that has ended. Deaf to what ends its caller.
keep_machine() {
  local name=$1 folder cgroup
  folder=$(machine_folder "$name")
  cgroup=$(machine_cgroup "$name")
  trap '' INT TERM HUP
  hold_root
  export STASIS_PROJECT=$project STASIS_PARTS=$parts STASIS_FOLDER=$folder
  # The cgroup namespace has its root where its maker stands. Afterwards everybody moves down into init: a tree
  # with processes in its root can give no controller away, and runtimes retry that for seconds.
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec unshare --cgroup bash -c '
      echo $$ >"$0/init/cgroup.procs"
      exec unshare --mount --pid --net --uts --ipc --fork --kill-child=KILL --propagation private bash "$1/inside.sh"
    ' "$cgroup" "$parts"
  ) || true
  echo down >&"$STASIS_READY"
  exec {STASIS_READY}>&- {STASIS_PULSE}<&-
  remove_machine "$name"
}

start_machine() {
  local name=${1:-}
  check_name "$name"
  shift
  read_options "$@"
  boot_machine "$name" free
  exec {life}>&-
  disown "$keeper"
}

stop_machine() {
  local name=${1:-} folder pid try
  check_name "$name"
  need_namespaces
  folder=$(machine_folder "$name")
  [[ -d $folder ]] || die "no machine named $name is running"
  pid=$(cat "$folder/pid" 2>/dev/null || true)
  # the lock tells whether the process of that number is still the machine
  if [[ $pid ]] && ! is_dead "$folder"; then kill -KILL "$pid" 2>/dev/null || true; fi
  for try in {1..200}; do
    [[ -d $folder ]] || return 0
    sleep 0.05
  done
  clean_machines
}
