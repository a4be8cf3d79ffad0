#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# build-deb.sh RELEASE NODE OUT.deb: a Debian package of a release directory (npm run build) and the Node that runs it. Same
# input, same bytes. COMPRESSION=none for tests, since xz takes a minute and more.
set -eu
if [ $# -ne 3 ] || [ ! -f "$1/release.json" ] || [ ! -x "$2" ] || [ -d "$3" ]; then
  echo "usage: packaging/build-deb.sh packages/cli/release node_modules/.bin/node enarx.deb" >&2
  exit 64
fi
release=$(realpath "$1")
node=$(realpath "$2")
out=$(realpath -m "$3")
here=$(dirname "$(realpath "$0")")
version=$(sed -n 's/.*"release": *"\([^"]*\)".*/\1/p' "$release/release.json")
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
install -d "$root/usr/lib/enarx" "$root/usr/bin" "$root/etc/enarx" "$root/DEBIAN" \
  "$root/usr/lib/systemd/system" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d" "$root/usr/share/doc/enarx" "$root/usr/share/polkit-1/rules.d"
(cd "$release" && find . -type f | while read -r file; do install -D -m 644 "$file" "$root/usr/lib/enarx/$file"; done)
install -m 755 "$node" "$root/usr/lib/enarx/node"
printf '#!/bin/sh\nexec /usr/lib/enarx/node /usr/lib/enarx/enarx.js "$@"\n' > "$root/usr/bin/enarx"
chmod 755 "$root/usr/bin/enarx"
install -m 644 "$here/systemd/enarx-keepmgr.service" "$here/systemd/enarx-keepmgr.socket" \
  "$here/systemd/enarx-keep@.service" "$here/systemd/enarx.slice" "$root/usr/lib/systemd/system/"
install -m 644 "$here/polkit/enarx.rules" "$root/usr/share/polkit-1/rules.d/enarx.rules"
install -m 644 "$here/systemd/enarx.sysusers" "$root/usr/lib/sysusers.d/enarx.conf"
install -m 644 "$here/systemd/enarx.tmpfiles" "$root/usr/lib/tmpfiles.d/enarx.conf"
install -m 640 "$here/systemd/keepmgr.toml" "$root/etc/enarx/keepmgr.toml"
install -m 644 "$here/../LICENSE" "$root/usr/share/doc/enarx/copyright"
echo /etc/enarx/keepmgr.toml > "$root/DEBIAN/conffiles"
cat > "$root/DEBIAN/control" <<CONTROL
Package: enarx
Version: ${version#v}
Architecture: $architecture
Maintainer: Enarx in TypeScript <maintainers@enarx.dev>
Section: admin
Priority: optional
Depends: libc6, libstdc++6, systemd | systemd-standalone-sysusers
Recommends: bubblewrap
Suggests: dbus, polkitd
Description: Run a WebAssembly program on a host that you do not trust
 The command enarx for tenants, and the daemon keepmgr for hosts.
CONTROL
for script in postinst prerm postrm; do install -m 755 "$here/debian/$script" "$root/DEBIAN/$script"; done
find "$root" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0} dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$root" "$out" > /dev/null
echo "$out"
