#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rebuilds the components of this directory. rustc needs the target wasm32-wasip2; CARGO, RUSTC and JCO choose programs. Where rustc has no wasm-component-ld (Debian's has not),
# LINKER is a wasm-ld: what it links is made a component here, by the adapter that jco brings. Only for a rustc whose own library does not speak WASI 0.2 yet: with a later one it traps.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUSTFLAGS="--remap-path-prefix=$PWD=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$work=/target"
if [ -n "${LINKER:-}" ]; then export CARGO_TARGET_WASM32_WASIP2_LINKER="$LINKER"; fi
"${CARGO:-cargo}" build --locked --release --examples --target wasm32-wasip2 --target-dir "$work"
for name in "$work"/wasm32-wasip2/release/examples/handler.wasm "$work"/wasm32-wasip2/release/examples/sockets.wasm; do
  component="$(basename "$name" .wasm).component.wasm"
  if [ -n "${LINKER:-}" ]; then ${JCO:-npx @bytecodealliance/jco@1.35.0} new "$name" --wasi-reactor -o "$component"; else cp "$name" "$component"; fi
done
sha256sum ./*.component.wasm > SHA256SUMS
