//! The command line: what people type, and what they see.

pub mod operator;

use std::process::ExitCode;

use clap::Parser;

#[derive(clap::Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Run the operator.
    Operator(operator::Args),
    /// Print the custom resource definitions.
    Crds,
}

/// Runs the program and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match Cli::parse().verb {
        Verb::Operator(args) => match runtime.block_on(operator::run(&args, None)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(4)
            }
        },
        Verb::Crds => {
            for crd in crate::api::definitions() {
                println!("---\n{}", serde_json::to_string(&crd).unwrap());
            }
            ExitCode::SUCCESS
        }
    }
}
