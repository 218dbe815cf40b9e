# Running commands in a machine: with the caller's standard streams, signals and exit status.

# read_options ARG…: sets `name` (if given), STASIS_BINDS and `words`, the command that follows.
read_options() {
  STASIS_BINDS=
  while (($#)); do
    case $1 in
    --name) name=${2:?--name wants a name} && shift 2 ;;
    --bind) STASIS_BINDS+=$(readlink -e "${2:?--bind wants a path}")$'\n' && shift 2 || die "--bind: there is no $2" ;;
    --) shift && break ;;
    -*) die "unknown option $1 (see scripts/runtime-root help)" ;;
    *) break ;;
    esac
  done
  export STASIS_BINDS
  words=("$@")
}

# The few variables that mean the same inside, as NAME=VALUE lines into `environment`.
read_environment() {
  local line
  environment=(
    "PATH=$project/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    HOME=/root LANG=C.UTF-8 STASIS_RUNTIME=1
    # machines made inside this one have its root
    STASIS_RUNTIME_ROOT=/
  )
  while IFS= read -r -d '' line; do
    case $line in
    # the machine has certificates of its own, and no way to use them
    NODE_EXTRA_CA_CERTS=* | STASIS_RUNTIME=* | STASIS_RUNTIME_ROOT=* | STASIS_BINDS=*) ;;
    CI=* | TERM=* | COLORTERM=* | NO_COLOR=* | FORCE_COLOR=* | TZ=* | NODE_*=* | STASIS_*=*) environment+=("$line") ;;
    esac
  done < <(env -0)
}

# The folder that a command starts in: the caller's, where the machine has it.
folder_inside() {
  case $PWD/ in "$project"/*) echo "$PWD" ;; *) echo "$project" ;; esac
}

# The command that the attendant waits for: signals go to it.
child_of() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

pass_signal() {
  interrupted=1
  # a terminal has sent the interrupt to everyone already
  [[ $1 == INT && -t 0 ]] || kill -"$1" $(child_of "$entered") 2>/dev/null || true
  [[ $grace ]] || grace=$(give_grace "$2")
}

# give_grace FOLDER: what does not end within ten seconds of a signal is ended with the machine. Prints its pid.
give_grace() {
  (
    # the pipe is this one's life as well: held open here, it would keep the machine up
    [[ -z ${life:-} ]] || exec {life}>&-
    # nobody writes into it any more: a wait that leaves no sleeping process behind
    read -r -t 10 <>"$1/ready" || true
    is_dead "$1" || kill -KILL "$(cat "$1/pid")"
  ) >/dev/null 2>&1 </dev/null &
  echo $!
}

# Waits beside the command, in its mounts but still counted by the host, and reports what became of it: 128 and the
# number for a signal. Deaf to what a terminal sends to everyone, as the command decides for itself; and the shell's
# own words about a killed command go nowhere.
# shellcheck disable=SC2016 # expanded inside
attendant='trap "" INT QUIT TERM HUP; { "$@" 2>&3 3>&-; } 3>&2 2>/dev/null; exit $?'

# enter_machine NAME CMD…: sets `status`. Signals that end this process are passed to the command.
enter_machine() {
  local folder cgroup pid environment interrupted grace=
  folder=$(machine_folder "$1")
  cgroup=$(machine_cgroup "$1")
  shift
  pid=$(<"$folder/pid")
  read_environment
  (
    [[ -z ${life:-} ]] || exec {life}>&-
    echo "$BASHPID" >"$cgroup/init/cgroup.procs"
    exec nsenter -t "$pid" -m -p -n -u -i -C -r -w --no-fork /bin/bash -c "$attendant" attendant \
      env -i -C "$(folder_inside)" --default-signal=INT,QUIT,TERM,HUP "${environment[@]}" "$@"
  ) <&0 &
  entered=$!
  trap "pass_signal INT '$folder'" INT
  trap "pass_signal TERM '$folder'" TERM
  trap "pass_signal HUP '$folder'" HUP
  interrupted=1
  while [[ $interrupted ]]; do
    interrupted=
    status=0
    wait "$entered" || status=$?
  done
  trap - INT TERM HUP
  [[ -z $grace ]] || kill "$grace" 2>/dev/null || true
}

run_machine() {
  local name=run-$$ words
  read_options "$@"
  check_name "$name"
  ((${#words[@]})) || die "run wants a command (see scripts/runtime-root help)"
  boot_machine "$name" tied
  enter_machine "$name" "${words[@]}"
  # nobody holds the pipe any more: the machine ends, and its keeper removes what it had
  exec {life}>&-
  wait "$keeper" || true
  exit "$status"
}

exec_machine() {
  local name=${1:-}
  check_name "$name"
  shift
  (($#)) || die "exec wants a command (see scripts/runtime-root help)"
  need_namespaces
  is_dead "$(machine_folder "$name")" && die "no machine named $name is running"
  enter_machine "$name" "$@"
  exit "$status"
}

shell_machine() {
  if (($#)); then exec_machine "$1" bash -i; else run_machine -- bash -i; fi
}
