//! Asking people before something happens.

use std::io::{IsTerminal, Write};

use super::exit::{Exit, Failure};

/// Asks on a terminal, unless `yes` was said before; `consequence` says what would happen.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub fn confirm(question: &str, consequence: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::invalid(format!(
            "{consequence} and nobody can be asked here; repeat with --yes"
        )));
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush().ok();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok();
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(Exit::Interrupted, "nothing was done"))
    }
}
