//! Production's operator, whose debriefs and game days are held by a clock that is so far ahead: `ahead --ahead 336h`,
//! with the flags of `firedrill operator`. Runs and alert sources keep the time of the machine.

#![allow(clippy::unwrap_used, reason = "an operator that cannot start fails its test")]

use std::path::PathBuf;

use clap::Parser;
use firedrill::{
    api::Duration,
    cli::{connect::Flags, operator::shutdown},
    config::Config,
    shell::operator::{self, Options},
};

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    /// How far.
    #[arg(long)]
    ahead: Duration,
    /// The configuration file.
    #[arg(long, env = "FIREDRILL_CONFIG")]
    config: Option<PathBuf>,
    /// A port that is open once everything is listed.
    #[arg(long)]
    ready_port: Option<u16>,
    /// Injects with its own rights, for one that may do everything.
    #[arg(long)]
    as_itself: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().ok();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    let config = args.config.as_deref().map(Config::read).transpose().unwrap();
    let (cluster, context) = args.flags.config().await.unwrap();
    let own_namespace = (context == "in-cluster").then(|| cluster.default_namespace.clone());
    let asked = shutdown().unwrap();
    let options = Options {
        cluster,
        config: config.unwrap_or_default(),
        only: None,
        impersonates: !args.as_itself,
        own_namespace,
        ready_port: args.ready_port,
        calendar_ahead: args.ahead,
    };
    Box::pin(operator::run(options, asked)).await.unwrap();
}
