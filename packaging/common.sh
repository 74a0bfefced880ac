# shellcheck shell=bash disable=SC2034
# Sourced by the scripts: where things are, and what makes a build reproducible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
target=${1:-x86_64-unknown-linux-gnu}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
target_dir=${CARGO_TARGET_DIR:-$root/target}
binary=$target_dir/$target/release/flowq
# Assets of .deb and .rpm are named in Cargo.toml by paths below the root, so this is not below CARGO_TARGET_DIR.
package_dir=$root/target/package
dist=$package_dir/dist
# The oldest glibc that Rust supports. Amazon Linux 2 has 2.26, Amazon Linux 2023 and RHEL 9 have 2.34.
glibc=2.17
# Dates in packages and man pages: that of the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8
