#!/bin/sh
# Installs the Debian packages of packages.txt that are missing. Groups other
# than the first are installed only when named: install-packages.sh lint
set -eu
cd "$(dirname "$0")/.."
wanted=$(awk -v groups="build $*" '
  BEGIN { n = split(groups, g, " "); for (i = 1; i <= n; i++) want[g[i]] = 1; group = "build" }
  /^\[/ { group = substr($0, 2, length($0) - 2); next }
  /^#/ || NF == 0 { next }
  group in want { print $1 }' packages.txt)
missing=""
for package in $wanted; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
