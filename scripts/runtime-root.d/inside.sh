# The first process of a machine: arranges what it sees, says that it is up, and then holds it until its life ends.
# Runs in new namespaces; every mount made here is private to them and goes with them.
set -euo pipefail

folder=$STASIS_FOLDER
machine=$folder/over/machine

# /proc is still the host's: this number is what the host calls us
read -r pid _ </proc/self/stat
echo "$pid" >"$folder/pid"

# A copy of the root that can be written to and is forgotten: the root itself is never changed.
mount_root() {
  mount -t tmpfs -o mode=755 tmpfs "$folder/over"
  mkdir "$folder"/over/{upper,work,machine}
  mount -t overlay -o "lowerdir=$STASIS_LOWER,upperdir=$folder/over/upper,workdir=$folder/over/work" overlay "$machine"
  cp -R --no-preserve=ownership "$STASIS_PARTS/files/." "$machine/"
}

mount_kernel_trees() {
  mkdir -p "$machine"/{proc,sys,dev,run,tmp,var/tmp,root,.host}
  mount -t proc proc "$machine/proc"
  mount -t sysfs sysfs "$machine/sys"
  mkdir -p "$machine/sys/fs/cgroup"
  mount -t cgroup2 cgroup2 "$machine/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$machine/run"
}

mount_devices() {
  local dev=$machine/dev name
  mount -t tmpfs -o mode=755 tmpfs "$dev"
  mkdir "$dev"/{pts,shm,mqueue,net}
  for name in null zero full random urandom tty kmsg fuse net/tun userfaultfd; do
    [[ -e /dev/$name ]] || continue
    touch "$dev/$name"
    mount --bind "/dev/$name" "$dev/$name"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$dev/shm"
  mount -t mqueue mqueue "$dev/mqueue"
  ln -s pts/ptmx "$dev/ptmx"
  ln -s /proc/self/fd "$dev/fd"
  ln -s fd/0 "$dev/stdin"
  ln -s fd/1 "$dev/stdout"
  ln -s fd/2 "$dev/stderr"
}

# What cannot lie on the overlay: container engines stack overlays of their own, and checkpoints are large.
mount_disks() {
  local disk=$folder/disk name
  # an overlay is no better a place under an overlay's upper layer than ours would be
  if [[ $(stat -f -c %T "$disk") == overlayfs ]]; then
    mount -t tmpfs tmpfs "$disk"
    mkdir -m 1777 "$disk"/{tmp,vartmp}
    mkdir "$disk"/{containerd,containers,stasis,kubelet}
  fi
  mount --bind "$disk/tmp" "$machine/tmp"
  mount --bind "$disk/vartmp" "$machine/var/tmp"
  for name in containerd containers stasis kubelet; do
    mkdir -p "$machine/var/lib/$name"
    mount --bind "$disk/$name" "$machine/var/lib/$name"
  done
}

# show PATH: the host's file or folder at the same path.
show() {
  if [[ -d $1 ]]; then
    mkdir -p "$machine$1"
  else
    mkdir -p "$machine$(dirname "$1")"
    touch "$machine$1"
  fi
  mount --bind "$1" "$machine$1"
}

show_project() {
  local modules=$STASIS_PROJECT/node_modules path
  show "$STASIS_PROJECT"
  # a second work tree may share the first one's packages
  if [[ -L $modules && -d $modules ]]; then show "$(readlink -f "$modules")"; fi
  while read -r path; do
    [[ -z $path ]] || show "$path"
  done <<<"${STASIS_BINDS:-}"
}

mount_root
mount_kernel_trees
mount_devices
mount_disks
show_project

cd "$machine"
# busybox has it everywhere; the program of that name is in a package that a machine need not have
"$machine/usr/bin/busybox" pivot_root . .host
cd /
hash -r
umount -l /.host
rmdir /.host
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
echo "$STASIS_MACHINE" >/proc/sys/kernel/hostname

# As its first process this one inherits orphans; bash reaps them while it waits for the pipe to close.
# shellcheck disable=SC2093 # the last thing it does
exec /bin/bash -c 'echo up >&"$STASIS_READY"; exec {STASIS_READY}>&-; read -r -u "$STASIS_PULSE"'
