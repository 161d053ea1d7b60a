//! Operator and reaper as processes whose words are kept.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::support::state;

/// One of them, with the chart's rights; killed at the end.
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn operator() -> Self {
        Self::start("operator", &[])
    }

    pub fn reaper() -> Self {
        Self::start("reaper", &["--lease-namespace", "firedrill-reaper"])
    }

    fn start(name: &'static str, arguments: &[&str]) -> Self {
        let log = state().join(format!("log/garbage-{name}.log"));
        let words = std::fs::File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
        command.arg(name).args(arguments).arg("--kubeconfig");
        command.arg(state().join(format!("pki/firedrill-{name}.kubeconfig")));
        command.env_remove("FIREDRILL_CONFIG").env("RUST_LOG", "firedrill=info");
        command.stdout(Stdio::from(words.try_clone().unwrap())).stderr(Stdio::from(words));
        Self { name, child: command.spawn().unwrap(), log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has told somebody that something is wrong with that.
    pub fn tells(&self, of: &str) -> bool {
        self.log().lines().any(|line| line.contains("ERROR") && line.contains(of))
    }

    /// Whether it has panicked, or has ended.
    pub fn problem(&mut self) -> Option<String> {
        let log = self.log();
        let panic = log.lines().find(|line| line.contains("panicked")).map(str::to_owned);
        let ended = self.child.try_wait().unwrap().map(|code| format!("it has ended: {code}"));
        panic.or(ended).map(|words| format!("{}: {words}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
