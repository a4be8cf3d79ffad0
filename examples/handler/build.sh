#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rebuilds the component of this directory. rustc needs the target wasm32-wasip2; CARGO, RUSTC, LINKER (a wasm-ld) and JCO choose programs.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# No path of the machine that builds it gets into the program.
export RUSTFLAGS="--remap-path-prefix=$PWD=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$work=/target"
export CARGO_TARGET_WASM32_WASIP2_LINKER="${LINKER:-wasm-ld}"
"${CARGO:-cargo}" build --locked --release --target wasm32-wasip2 --target-dir "$work"
${JCO:-npx @bytecodealliance/jco@1.35.0} new "$work/wasm32-wasip2/release/handler.wasm" --wasi-reactor -o handler.component.wasm
