#!/usr/bin/env bash
# Writes what packages contain beside the binary to target/package/. Usage: packaging/stage.sh [TARGET]
# FLOWQ names a binary that runs on this machine, if that of the target does not.
# shellcheck source=packaging/common.sh
source "$(dirname "$0")/common.sh"
flowq=${FLOWQ:-$binary}
rm -rf "$package_dir/man1" "$package_dir/completions" "$package_dir/systemd"
mkdir -p "$package_dir"/{man1,completions,systemd,image/usr/bin}
"$flowq" man "$package_dir/man1"
gzip -9n "$package_dir"/man1/*.1
"$flowq" completions bash >"$package_dir/completions/flowq.bash"
"$flowq" completions zsh >"$package_dir/completions/_flowq"
"$flowq" completions fish >"$package_dir/completions/flowq.fish"
# The units of the examples create a user for each run; a package has a user, so that it can own files.
for unit in examples/feed/systemd/flowq-*; do
    sed -e 's|/usr/local/bin/flowq|/usr/bin/flowq|' -e 's|^DynamicUser=yes$|User=flowq|' -e '/^#   cp /d' \
        "$unit" >"$package_dir/systemd/$(basename "$unit")"
done
# Debian's changelog, from the version alone: CHANGELOG.md beside it has the changes.
{
    echo "flowq ($version-1) unstable; urgency=medium"
    echo
    echo "  * Version $version. /usr/share/doc/flowq/changelog.gz lists the changes."
    echo
    echo " -- The flowq authors <flowq@localhost>  $(date -R -d "@$SOURCE_DATE_EPOCH")"
} >"$package_dir/changelog.Debian"
gzip -9nf "$package_dir/changelog.Debian"
gzip -9nc CHANGELOG.md >"$package_dir/changelog.gz"
python3 packaging/licences.py --target "$target" --texts "$package_dir/THIRD-PARTY-LICENCES.txt"
gzip -9nfk "$package_dir/THIRD-PARTY-LICENCES.txt"
cp "$binary" "$package_dir/image/usr/bin/flowq"
