# What the root is made of. A change here makes the next `make` build it again.

# Debian's newest: the first suite whose containerd restores checkpoints and whose criu knows today's kernels.
suite=sid

packages=(
  # what checkpoints: libcriu2 and iptables are only recommended by crun and criu, yet nothing works without them
  criu libcriu2 crun runc iproute2 iptables nftables
  # the peers whose archives we read and who read ours
  containerd containernetworking-plugins conmon podman golang-github-containers-common checkpointctl
  # the oracles of the image formats and of core files
  python3-minimal python3-pycriu gdb
  # another implementation of gRPC, for device plugins that are not ours
  python3-grpcio python3-protobuf
  # what runs inside containers, and what compiles small test programs
  busybox-static redis-server redis-tools gcc libc6-dev
  # what tests and scripts call
  ca-certificates mount jq curl openssl procps strace netcat-openbsd zstd xz-utils bzip2 time
  # shells whose completion is tested, and a reader of man pages
  zsh fish mandoc
  # what starts the daemon on a node, and a client made for the kubelet's API
  systemd systemd-sysv dbus kubectl
)

# Documentation and translations: a fifth of the size, and nothing reads them.
excluded=('/usr/share/doc/*' '/usr/share/locale/*' '/usr/share/man/*' '/usr/share/info/*')

# Names this recipe in the root that was built from it.
recipe_digest() {
  printf '%s\n' "$suite" "${packages[@]}" "${excluded[@]}" | sha256sum | cut -c1-16
}
