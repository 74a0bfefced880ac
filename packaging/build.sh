#!/usr/bin/env bash
# Builds the binary of the packages, and the wheel around it. Usage: packaging/build.sh [TARGET]
# shellcheck source=packaging/common.sh
source "$(dirname "$0")/common.sh"
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# Panic messages name source files; without this, by their path on this machine.
export RUSTFLAGS="--remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$root=/flowq${RUSTFLAGS:+ $RUSTFLAGS}"
mkdir -p "$dist"
case $target in
*-linux-gnu)
    # manylinux2014 is glibc 2.17. maturin refuses to name a wheel so if a symbol of the binary is newer.
    maturin build --release --locked --zig --compatibility manylinux2014 --target "$target" --out "$dist"
    packaging/glibc-ceiling.sh "$binary" "$glibc"
    ;;
*) maturin build --release --locked --target "$target" --out "$dist" ;;
esac
ls -l "$binary" "$dist"
