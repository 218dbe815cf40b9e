# Building the Debian root: beside its final place and renamed, so that what is there is always complete.

stamp=.stasis-runtime-root

make_root() {
  if [[ -z ${STASIS_RUNTIME_ROOT:-} && ! -e $built ]] && own_programs_work; then
    say "criu and the container runtimes of this machine work: no root of their own is needed"
    return
  fi
  root_is_current && return
  refuse_foreign_folder
  need_superuser
  need flock util-linux
  need unshare util-linux
  need setpriv util-linux
  mkdir -p "$(dirname "$built")"
  exec {building}>"$built.lock"
  flock "$building"
  root_is_current && return
  need_space
  need_mmdebstrap
  build_and_rename
}

root_is_current() {
  [[ $built == / ]] || [[ -f $built/$stamp && $(<"$built/$stamp") == "$(recipe_digest)" ]]
}

refuse_foreign_folder() {
  [[ ! -e $built || -f $built/$stamp ]] || die "$built exists and was not made by this script: move it away"
}

need_space() {
  local free
  free=$(df --output=avail --block-size=1M "$(dirname "$built")" | tail -1)
  ((free >= 2000)) || die "$(dirname "$built") has $free MiB free, 2000 are needed: make room or set STASIS_RUNTIME_ROOT"
}

need_mmdebstrap() {
  command -v apt-get >/dev/null || die "no apt here: make a Debian $suite root elsewhere (packages: ${packages[*]}) and set STASIS_RUNTIME_ROOT to it"
  local missing=()
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2 ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2; } ||
    die "apt-get could not install ${missing[*]}: its messages are above"
}

# The mirror that apt uses on this machine, as whatever this machine reaches is known to it.
mirror() {
  if [[ -n ${STASIS_DEBIAN_MIRROR:-} ]]; then
    echo "$STASIS_DEBIAN_MIRROR"
    return
  fi
  apt-get indextargets --format '$(ORIGIN)|$(RELEASE)|$(SITE)' 'Created-By: Packages' |
    awk -F'|' '$2 !~ /-(updates|security|backports)/ && ($1 == "Debian" || $3 ~ /\/debian\/?$/) { print $3; found = 1; exit }
      END { exit !found }' ||
    die "apt here knows no Debian mirror: set STASIS_DEBIAN_MIRROR"
}

# The proxies and certificates that this machine's apt is set to, for the one that fills the root.
apt_transport_options() {
  apt-config dump 2>/dev/null | grep -E '^Acquire::https?(::[^ ]*)?(Proxy|CaInfo|CaPath|Verify|Timeout)[^ ]* "[^"]' || true
}

debootstrap_options() {
  local path list
  list=$(IFS=,; echo "${packages[*]}")
  # sid's Release file may be past its date on a machine that sees a snapshot
  printf '%s\n' --mode=root --variant=essential --quiet "--include=$list" '--aptopt=Acquire::Check-Valid-Until "false"'
  apt_transport_options | sed 's/^/--aptopt=/; s/;$//'
  # what a crash of the machine spoils is built again: no need to wait for the disk after each file
  echo --dpkgopt=force-unsafe-io
  for path in "${excluded[@]}"; do printf -- '--dpkgopt=path-exclude=%s\n' "$path"; done
}

build_and_rename() {
  local fresh=$built.new options site started=$SECONDS
  mapfile -t options < <(debootstrap_options)
  site=$(mirror)
  rm -rf --one-file-system "$built".new "$built".old
  say "building a Debian $suite root from $site: about two minutes"
  # namespaces of its own, and an end with its caller's, so that a killed build leaves no mount and no process behind
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --propagation private \
    mmdebstrap "${options[@]}" "$suite" "$fresh" "$site" >"$built.build-log" 2>&1 ||
    { tail -20 "$built.build-log" >&2; die "the root could not be built: all of it is in $built.build-log"; }
  rm -rf "$fresh"/var/cache/apt/*.bin "$fresh"/var/lib/apt/lists/*
  recipe_digest >"$fresh/$stamp"
  replace_root "$fresh"
  say "built $built in $((SECONDS - started)) s, $(du -sm "$built" | cut -f1) MiB"
}

# Machines that run from the old one hold it locked: it goes when they have ended.
replace_root() {
  exec {users}>"$built.users"
  flock --nonblock "$users" || { say "waiting for the machines that run from the old root"; flock "$users"; }
  [[ ! -e $built ]] || mv "$built" "$built.old"
  mv "$1" "$built"
  rm -rf --one-file-system "$built.old"
  exec {users}>&-
}
