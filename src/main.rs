//! The program `dtf`, which calls the library.

fn main() -> std::process::ExitCode {
    dtf::cli::run(std::env::args_os())
}
