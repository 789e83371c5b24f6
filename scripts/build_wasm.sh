#!/usr/bin/env bash
# Builds the engine into wasm/pkg (deno task build:wasm). Needs a Rust toolchain with the wasm32-unknown-unknown
# target, wasm-pack, wasm-bindgen of the version that wasm/Cargo.toml pins, and wasm-opt (npm's binaryen).
# RUSTUP_TOOLCHAIN chooses the toolchain, as ever.
#
# With --scalar FOLDER it builds an engine without SIMD instructions into FOLDER instead, for tests: they must get the
# same answers from it (CARACAL_ENGINE=FOLDER/caracal_engine_bg.wasm deno test ...).
set -euo pipefail
scalar=
if [ "${1:-}" = --scalar ]; then
  [ $# -eq 2 ] || { echo "usage: $0 [--scalar FOLDER]" >&2 && exit 2; }
  mkdir -p "$2" && scalar=$(cd "$2" && pwd)
elif [ $# -ne 0 ]; then
  echo "usage: $0 [--scalar FOLDER]" >&2
  exit 2
fi
cd "$(dirname "$0")/../wasm"

missing() {
  echo "build:wasm: $1" >&2
  exit 1
}
pinned=$(sed -n 's/^wasm-bindgen = "=\(.*\)"/\1/p' Cargo.toml)
command -v wasm-pack >/dev/null || missing "wasm-pack is missing: cargo install --locked wasm-pack"
[ "$(wasm-bindgen --version 2>/dev/null)" = "wasm-bindgen $pinned" ] ||
  missing "wasm-bindgen $pinned is missing: cargo install --locked wasm-bindgen-cli@$pinned"
command -v wasm-opt >/dev/null || missing "wasm-opt is missing: npm install --global binaryen"
[ -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)" ] ||
  missing "the target is missing: rustup target add wasm32-unknown-unknown"

# Absolute paths must not get into the module: it would differ from machine to machine.
remap="--remap-path-prefix=$PWD=/caracal --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
remap="$remap --remap-path-prefix=$(rustc --print sysroot)=/rust"
flags=$(sed -n 's/^rustflags = \["-C", "\(.*\)"\]/-C \1/p' .cargo/config.toml)
build() { # build FOLDER FLAGS OPTIONS...
  RUSTFLAGS="$2 $remap" wasm-pack build --mode no-install --target bundler --release --out-dir "$1" "${@:3}"
}
if [ -n "$scalar" ]; then
  # wasm-opt would copy 16 bytes by SIMD again.
  build "$scalar" "${flags/+simd128/-simd128}" --no-opt
  exit
fi
# More is inlined than by default (225): 2 to 5 % faster in V8, where a call spills all registers. Less costs speed, more
# gains none.
build pkg "$flags -C llvm-args=-inline-threshold=450"
# The standard library was built elsewhere with its own paths in it, which are of no use: overwritten, length kept.
perl -0777 -pi -e 's{(/[\w./-]*?)(/registry/src/[\w.-]+|/rustlib/src/rust)(?=/)}{"/rust" . "_" x (length("$1$2") - 5)}ge' \
  pkg/caracal_engine_bg.wasm
rm -f pkg/.gitignore pkg/package.json pkg/caracal_engine.js pkg/caracal_engine_bg.wasm.d.ts

cat >pkg/README.md <<END
# The compiled engine

Made from the Rust sources beside it by \`deno task build:wasm\`, and committed so that nobody needs Rust to run Caracal.
Bytes differ from one toolchain to the next; CI compares them only where these versions agree:

- $(rustc --version)
- $(wasm-bindgen --version)
- $(wasm-opt --version)
END
