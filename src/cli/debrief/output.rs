//! What goes to standard output.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};

/// Prints the text; whoever reads may have seen enough, such as `head`.
pub fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unprintable(&error)),
        _ => Ok(Exit::Met),
    }
}

/// The value as YAML.
pub fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_yaml::to_string(value).map_err(|error| unprintable(&error))
}

fn unprintable(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Infrastructure, format!("cannot print it: {error}"))
}
