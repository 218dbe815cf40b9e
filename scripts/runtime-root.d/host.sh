# What this machine has: the questions asked before anything is made or started.

# need PROGRAM PACKAGE: stops with the way to get it.
need() {
  command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"
}

need_superuser() {
  [[ $EUID -eq 0 ]] || die "needs root, for mounts, namespaces and cgroups: run it with sudo"
}

need_namespaces() {
  need_superuser
  need unshare util-linux
  need nsenter util-linux
  need flock util-linux
  need setsid util-linux
  need mount mount
  cgroup_mount >/dev/null
}

# The mount point of the cgroup2 tree: the only one on a modern machine, `unified` on one with version 1 beside it.
cgroup_mount() {
  awk '$3 == "cgroup2" { print $2; found = 1; exit } END { exit !found }' /proc/mounts ||
    die "no cgroup2 is mounted: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
}

# Whether what is installed here does as well as a root of our own: an old criu on a new kernel does not.
own_programs_work() {
  local program
  for program in criu crun runc podman containerd conmon checkpointctl redis-server nft busybox gcc gdb; do
    command -v "$program" >/dev/null || return 1
  done
  criu check >/dev/null 2>&1
}

# Prints the root that machines are made from. One that was asked for or built here goes before the machine's own.
root_in_use() {
  if [[ -x $built/usr/sbin/criu ]]; then
    readlink -f "$built"
  elif [[ -z ${STASIS_RUNTIME_ROOT:-} ]] && own_programs_work; then
    echo /
  else
    die "no Debian root at $built: make one with scripts/runtime-root make (a few minutes)"
  fi
}
