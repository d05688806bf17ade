#!/usr/bin/env bash
# Prints the folder that holds the official prebuilt libduckdb, fetching it on first use.
#
# The library comes out of the npm package that DuckDB's makers publish with their Node
# bindings. Its archive is compared with the digest below before anything of it is used.
# The folder lies outside `target/`, so that a clean clone finds it again, and appears
# under its final name only when complete; of two runs at a time, the first one's stays.
#
# Exit codes: 0 the folder is on standard output; 3 there is no prebuilt library for this
# machine, or no npm to fetch it with (build the bundled one); 1 it could not be had.
set -euo pipefail

version=1.5.6
release=r.1
# Archives whose digest is known: platform, then the npm integrity of the archive.
digests='
linux-x64 sha512-IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==
'

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $1"
  say "hint: $2"
  exit 1
}

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 library=libduckdb.so ;;
  *) say "no prebuilt DuckDB $version is known for $(uname -s) $(uname -m)"; exit 3 ;;
esac
if compgen -G '/lib/ld-musl-*' >/dev/null; then
  say "the prebuilt DuckDB $version needs glibc, this machine has musl"
  exit 3
fi
expected=$(awk -v platform="$platform" '$1 == platform { print $2 }' <<<"$digests")

cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/dtf-build
folder=$cache/duckdb-$version-$platform
if [[ -f $folder/$library ]]; then
  printf '%s\n' "$folder"
  exit 0
fi
if ! command -v npm >/dev/null; then
  say "npm is not installed, so the prebuilt DuckDB $version cannot be fetched"
  exit 3
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
package=@duckdb/node-bindings-$platform@$version-$release
say "fetching the prebuilt DuckDB $version (about 25 MB) into $folder"
# `npm` runs in the empty folder, so that no project's settings change what it does.
if ! (cd "$work" && npm pack --ignore-scripts --loglevel=error "$package" >npm.out 2>npm.err); then
  sed 's/^/  /' "$work/npm.err" >&2
  fail "npm could not fetch $package" \
    "check the network and the npm registry settings, or take the slow way: make build DUCKDB=bundled"
fi
archives=("$work"/*.tgz)
[[ -f ${archives[0]} ]] || fail "npm fetched no archive for $package" "try again, or: make build DUCKDB=bundled"

actual=$(python3 -c '
import base64, hashlib, sys
with open(sys.argv[1], "rb") as archive:
    digest = hashlib.file_digest(archive, "sha512") if hasattr(hashlib, "file_digest") else hashlib.sha512(archive.read())
print("sha512-" + base64.b64encode(digest.digest()).decode())
' "${archives[0]}")
if [[ $actual != "$expected" ]]; then
  fail "the archive of $package has the digest $actual, expected is $expected: it is not used" \
    "the download is damaged or not the published file; try again, or: make build DUCKDB=bundled"
fi

mkdir "$work/unpacked"
tar -xzf "${archives[0]}" -C "$work/unpacked" --strip-components=1 --no-same-owner
[[ -f $work/unpacked/$library ]] || fail "$package holds no $library" "take the slow way: make build DUCKDB=bundled"
# The Node module itself is of no use here.
rm -f "$work/unpacked"/*.node
# rename(2) fails when another run has been quicker: its folder is as good.
python3 -c '
import os, sys
try:
    os.rename(sys.argv[1], sys.argv[2])
except OSError:
    if not os.path.isfile(os.path.join(sys.argv[2], sys.argv[3])):
        raise
' "$work/unpacked" "$folder" "$library"
printf '%s\n' "$folder"
