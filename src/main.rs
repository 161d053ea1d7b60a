//! The `firedrill` program: operator, CLI and kubectl plugin in one.

fn main() -> std::process::ExitCode {
    firedrill::cli::main()
}
