#!/usr/bin/env bash
# Makes the packages out of the binary of build.sh; that has made the wheel. Usage: packaging/packages.sh [TARGET]
# shellcheck source=packaging/common.sh
source "$(dirname "$0")/common.sh"
packaging/stage.sh "$target"
mkdir -p "$dist"

archive=flowq-$version-$target
rm -rf "${package_dir:?}/$archive"
mkdir -p "$package_dir/$archive"
cp "$binary" README.md CHANGELOG.md LICENSE "$package_dir/THIRD-PARTY-LICENCES.txt" "$package_dir/$archive"
cp -r "$package_dir/man1" "$package_dir/completions" "$package_dir/$archive"
# The tar of macOS cannot sort and set times.
same=()
tar --version | grep -q GNU && same=(--sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH")
tar -C "$package_dir" "${same[@]}" -cf - "$archive" | gzip -9n >"$dist/$archive.tar.gz"

case $target in
*-linux-gnu)
    # --compress-system: with the xz of the system, which is much faster than the library of a debug build of cargo-deb.
    cargo deb --no-build --no-strip --compress-system --target "$target" --output "$dist/"
    cargo generate-rpm --target "$target" --output "$dist/"
    ;;
esac
ls -l "$dist"
