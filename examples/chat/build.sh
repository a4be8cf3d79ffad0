#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rebuilds the program of this directory, or into the file named as first argument. CARGO, RUSTC and TARGET choose the compiler and what it calls the target.
set -eu
here=$(realpath "$(dirname "$0")")
name=$(basename "$here")
out=$(realpath -m "${1:-$here/$name.wasm}")
target=${TARGET:-wasm32-wasip1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"
# No path of the machine that builds it gets into the program.
export RUSTFLAGS="--cfg tokio_unstable --remap-path-prefix=$here=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$work=/target"
"${CARGO:-cargo}" build --locked --release --target "$target" --target-dir "$work"
cp "$work/$target/release/$name.wasm" "$out"
