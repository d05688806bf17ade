#!/usr/bin/env bash
# Prints the directory of the official prebuilt libduckdb, and downloads the library on first use.
#
# The library is a part of the npm package with the Node bindings of DuckDB. The archive is compared
# with the digest below before it is unpacked. The directory is outside of `target/`, so that a new
# clone uses it too. It appears under its final name only when it is complete. If two runs download
# the library at the same time, the first one provides the directory.
#
# Exit codes: 0, the directory is on standard output; 3, there is no prebuilt library for this machine,
# or npm is not installed, so DuckDB must be compiled; 1, the download failed.
set -euo pipefail

version=1.5.6
release=r.1
# The supported platforms, each with the npm integrity of its archive.
digests='
linux-x64 sha512-IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==
'

note() { printf '%s\n' "$*" >&2; }

fail() {
  note "error: $1"
  note "hint: $2"
  exit 1
}

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 library=libduckdb.so ;;
  *) note "there is no prebuilt DuckDB $version for $(uname -s) $(uname -m)"; exit 3 ;;
esac
if compgen -G '/lib/ld-musl-*' >/dev/null; then
  note "the prebuilt DuckDB $version needs glibc, but this machine has musl"
  exit 3
fi
expected=$(awk -v platform="$platform" '$1 == platform { print $2 }' <<<"$digests")

cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/dtf-build
directory=$cache/duckdb-$version-$platform
if [[ -f $directory/$library ]]; then
  printf '%s\n' "$directory"
  exit 0
fi
if ! command -v npm >/dev/null; then
  note "npm is not installed, so the prebuilt DuckDB $version cannot be downloaded"
  exit 3
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
package=@duckdb/node-bindings-$platform@$version-$release
note "downloading the prebuilt DuckDB $version (about 25 MB) into $directory"
# `npm` runs in an empty directory, so that the settings of no project affect it.
if ! (cd "$work" && npm pack --ignore-scripts --loglevel=error "$package" >npm.out 2>npm.err); then
  sed 's/^/  /' "$work/npm.err" >&2
  fail "npm cannot download $package" \
    "check the network and the npm registry settings, or compile DuckDB: make build DUCKDB=bundled"
fi
archives=("$work"/*.tgz)
[[ -f ${archives[0]} ]] || fail "npm downloaded no archive of $package" "try again, or compile DuckDB: make build DUCKDB=bundled"

actual=$(python3 -c '
import base64, hashlib, sys
with open(sys.argv[1], "rb") as archive:
    digest = hashlib.file_digest(archive, "sha512") if hasattr(hashlib, "file_digest") else hashlib.sha512(archive.read())
print("sha512-" + base64.b64encode(digest.digest()).decode())
' "${archives[0]}")
if [[ $actual != "$expected" ]]; then
  fail "the archive of $package has the digest $actual instead of $expected, so it is not used" \
    "the download is damaged or not the published file; try again, or compile DuckDB: make build DUCKDB=bundled"
fi

mkdir "$work/unpacked"
tar -xzf "${archives[0]}" -C "$work/unpacked" --strip-components=1 --no-same-owner
[[ -f $work/unpacked/$library ]] || fail "$package contains no $library" "compile DuckDB: make build DUCKDB=bundled"
# The Node module itself is not needed.
rm -f "$work/unpacked"/*.node
# rename(2) fails if another run has provided the directory in the meantime, which is fine.
python3 -c '
import os, sys
try:
    os.rename(sys.argv[1], sys.argv[2])
except OSError:
    if not os.path.isfile(os.path.join(sys.argv[2], sys.argv[3])):
        raise
' "$work/unpacked" "$directory" "$library"
printf '%s\n' "$directory"
