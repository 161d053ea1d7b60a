//! `firedrill validate`: everything that is wrong with files, without a cluster.

use std::{io::Read, path::PathBuf};

use serde_json::Value;

use super::{
    connect::Flags,
    exit::{Exit, Failure},
};
use crate::{
    cli::{
        files::{self, Report, Resource},
        view::clean,
    },
    core::words::count,
};

/// Arguments of `firedrill validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print the problems.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Prints every problem of every file.
///
/// # Errors
/// When a file cannot be read.
pub fn validate(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let mut reports: Vec<Report> = Vec::new();
    for file in &args.files {
        let (name, text) = text(file)?;
        match files::read_for(&name, &text, flags.namespace.as_deref()) {
            Ok(resources) => print(&name, &resources, args.output),
            Err(report) => reports.push(report),
        }
    }
    if args.output == Output::Json {
        let problems: Vec<Value> = reports
            .iter()
            .flat_map(|report| report.json().as_array().cloned().unwrap_or_default())
            .collect();
        println!("{}", Value::Array(problems));
    } else {
        for report in &reports {
            println!("{report}");
        }
    }
    Ok(if reports.is_empty() { Exit::Met } else { Exit::Invalid })
}

fn print(name: &str, resources: &[Resource], output: Output) {
    if output == Output::Json {
        return;
    }
    for resource in resources {
        if let Resource::Other(kind) = resource {
            println!("{name}: {kind} is not ours and was not looked at");
        }
        for warning in files::warnings(resource) {
            println!("{name}: warning: {}", clean(&warning));
        }
    }
    println!("{name}: {}, no problem", count(resources.len(), "resource"));
}

/// The name to show and the text of a file.
///
/// # Errors
/// When it cannot be read.
pub fn text(file: &PathBuf) -> Result<(String, String), Failure> {
    let mut text = String::new();
    let (name, read) = if file.as_os_str() == "-" {
        ("standard input".to_owned(), std::io::stdin().read_to_string(&mut text).map(drop))
    } else {
        let read = std::fs::read_to_string(file).map(|read| text = read);
        (file.display().to_string(), read)
    };
    read.map_err(|error| Failure::invalid(format!("cannot read {name}: {error}")))?;
    Ok((name, text))
}
