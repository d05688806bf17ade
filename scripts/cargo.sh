#!/usr/bin/env bash
# Runs a cargo command with DuckDB: `scripts/cargo.sh test --lib` runs `cargo test --lib` with the
# prebuilt library if there is one for this machine, and otherwise with the bundled source.
#
# DUCKDB=bundled always compiles DuckDB from source. DUCKDB_LIB_DIR names a directory with a libduckdb
# of the same version, which is used without a check. CARGO_TARGET_DIR is respected. CARGO_PROGRAM names
# a program that takes the place of cargo and understands its features (scripts/wheel.sh).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

command -v cargo >/dev/null ||
  fail "cargo is not installed" "install Rust 1.95 or newer with rustup, then open a new shell"
command -v cc >/dev/null ||
  fail "no C compiler was found: cc is not installed" "install one with the package manager of the system (Debian: build-essential)"
command -v python3 >/dev/null ||
  fail "python3 is not installed" "install Python 3.10 or newer with its venv module"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  fail "python3 is too old or does not run: $(python3 --version 2>&1)" "put a Python 3.10 or newer first on PATH"

[[ $# -gt 0 ]] || fail "no cargo command given" "for example: scripts/cargo.sh test"
subcommand=$1
shift
features=(--no-default-features)
if [[ ${DUCKDB:-} == bundled ]]; then
  features=()
elif [[ -z ${DUCKDB_LIB_DIR:-} ]]; then
  code=0
  DUCKDB_LIB_DIR=$("$here/duckdb-prebuilt.sh") || code=$?
  case $code in
    0) export DUCKDB_LIB_DIR ;;
    3)
      printf 'compiling DuckDB from source instead, once (about 20 minutes on two cores)\n' >&2
      unset DUCKDB_LIB_DIR
      features=()
      ;;
    *) exit "$code" ;;
  esac
fi
exec "${CARGO_PROGRAM:-cargo}" "$subcommand" ${features[@]+"${features[@]}"} "$@"
