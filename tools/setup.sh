#!/bin/sh
# First use: Debian packages, npm packages, build. A line a stage on standard error; details only when one fails.
set -eu
cd "$1"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
say() { echo "mydocker: $*" >&2; }
stage() {
  say "$1"
  shift
  if ! "$@" >"$log" 2>&1; then
    # npm says why first and how to use it last, a compiler the other way round.
    head -n 15 "$log" >&2
    tail -n +16 "$log" | tail -n 15 >&2
    say "that failed; the lines above say why"
    exit 1
  fi
}
have() { command -v "$1" >/dev/null 2>&1; }

node_is_new=$(node -p 'const [a, b] = process.versions.node.split(".").map(Number); a > 20 || (a === 20 && b >= 16)' 2>/dev/null || echo false)
if [ "$node_is_new" != true ] || ! have npm; then
  say "Node 20.16 or later with npm is needed to build; install it (Debian packages nodejs and npm, or nodejs.org) and run this again"
  exit 1
fi

# A busybox that is not static cannot run without its libraries, so it is no root file system.
static_busybox() { have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; }

want=
have cc || have gcc || want="$want gcc libc6-dev"
have musl-gcc || want="$want musl-tools"
static_busybox || want="$want busybox-static"
if [ -n "$want" ]; then
  if have apt-get && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    stage "updating the list of Debian packages" apt-get update -qq
    # musl only makes the monitor smaller: without it the shim is built by cc -static.
    for package in $want; do
      case $package in
        musl-tools)
          say "installing Debian package $package"
          apt-get install -y -qq --no-install-recommends "$package" >"$log" 2>&1 || say "no $package: the shim will be built by cc -static"
          ;;
        *) stage "installing Debian package $package" apt-get install -y -qq --no-install-recommends "$package" ;;
      esac
    done
  elif ! static_busybox; then
    say "a static busybox is needed for the default image; install it (Debian, Ubuntu: busybox-static; Alpine, Fedora: busybox) and run this again"
    exit 1
  elif ! have cc && ! have gcc; then
    say "a C compiler is needed to build the shim; install gcc (or clang as cc) and run this again"
    exit 1
  fi
fi

# Only when the lock file changed since: npm leaves its copy of it behind.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  stage "installing npm packages" npm ci --no-audit --no-fund
fi
node tools/build.mjs
