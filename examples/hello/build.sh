#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rebuilds hello.wasm, or the file named as first argument. RUSTC and TARGET choose the compiler and what it calls the target.
set -eu
out=$(realpath -m "${1:-$(dirname "$0")/hello.wasm}")
cd "$(dirname "$0")"
exec "${RUSTC:-rustc}" --edition 2021 --crate-name hello --target "${TARGET:-wasm32-wasip1}" \
  -C opt-level=z -C lto -C codegen-units=1 -C panic=abort -C strip=symbols -o "$out" src/main.rs
