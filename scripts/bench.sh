#!/usr/bin/env bash
# Runs the benchmarks one after the other and writes docs/benchmarks.md. With names of parts of the
# end-to-end benchmark as arguments, it runs only these and writes nothing. Linux only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

code=0
if [[ $# -gt 0 ]]; then
  exec scripts/cargo.sh bench --profile measured --bench end_to_end -- "$@"
fi
out=$PWD/docs/benchmarks.md
scripts/cargo.sh bench --profile measured --no-run
# A release has DuckDB compiled in.
duckdb="compiled in"
linked=$(ldd "${CARGO_TARGET_DIR:-target}/measured/dtf")
[[ $linked != *libduckdb* ]] || duckdb="a library, which is loaded at each start"
new=$(mktemp "$out.XXXXXX")
trap 'rm -f "$new"' EXIT
cat >"$new" <<END
# Benchmarks

Written by \`make bench\`, by hand, on an idle machine; no test depends on these figures. Each part
starts real processes with the durable log and the results database on, built with the profile \`measured\`
of Cargo.toml, which optimises less than a release.

- machine: $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) memory
- system: $(uname -sr), $(rustc --version | cut -d' ' -f1-2)
- DuckDB: $duckdb
- date: $(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)
END
export DTF_BENCH_OUT=$new
# A missed target appears in the table. The command fails then, after all parts have run.
scripts/cargo.sh bench --profile measured --bench scheduler || code=1
scripts/cargo.sh bench --profile measured --bench end_to_end || code=1
chmod 644 "$new"
mv "$new" "$out"
printf 'written: %s\n' "$out"
exit "$code"
