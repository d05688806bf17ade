//! Gives the binary a run path to the prebuilt DuckDB library, so that it and copies of it
//! start without `LD_LIBRARY_PATH` (not for the bundled build), puts what runs at the start of a
//! process side by side, and has cargo watch the templates that it carries.

#[expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]
fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    // The binary carries this folder (`src/assets.rs`).
    println!("cargo:rerun-if-changed=templates");
    // A compiled-in DuckDB starts with 134 initialisers. Scattered over the text, each brings its
    // neighbours into memory: a worker at rest takes 25.2 MiB, and 19.1 MiB where they lie together.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    }
    let bundled = std::env::var_os("CARGO_FEATURE_BUNDLED").is_some();
    let unix = std::env::var_os("CARGO_CFG_UNIX").is_some();
    if let (Ok(dir), false, true) = (std::env::var("DUCKDB_LIB_DIR"), bundled, unix) {
        // A copy of the program finds the library beside itself.
        let beside = if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos") {
            "@loader_path"
        } else {
            "$ORIGIN"
        };
        for directory in [beside, &dir] {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
        }
    }
}
