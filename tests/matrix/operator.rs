//! The operator under test: a real process, killed, paused and started again by signals.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where an operator finds what it needs.
#[derive(Clone)]
pub struct Files {
    pub binary: PathBuf,
    pub config: PathBuf,
    pub kubeconfig: PathBuf,
    pub log: PathBuf,
}

/// The file beside the configuration that names the chat, by its extension.
pub const CHAT: &str = "chat";

/// One operator of a case.
pub struct Operator {
    pub number: usize,
    files: Files,
    child: Mutex<Child>,
    looked: AtomicBool,
}

impl Operator {
    pub fn start(number: usize, files: Files) -> Self {
        File::create(&files.log).unwrap();
        let child = Mutex::new(spawn(&files));
        Self { number, files, child, looked: AtomicBool::new(false) }
    }

    /// SIGKILL, and nothing more.
    pub fn kill(&self) {
        self.child.lock().unwrap().kill().unwrap();
    }

    /// Starts it again after [`Operator::kill`].
    pub fn restart(&self) {
        let mut child = self.child.lock().unwrap();
        child.wait().unwrap();
        self.looked.store(false, Ordering::SeqCst);
        *child = spawn(&self.files);
    }

    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// It has listed the runs.
    pub fn has_looked(&self) {
        self.looked.store(true, Ordering::SeqCst);
    }

    /// Whether it has listed the runs since it was started.
    pub fn is_looking(&self) -> bool {
        self.looked.load(Ordering::SeqCst)
    }

    /// What is wrong with the process itself, where something is.
    pub fn ails(&self) -> Option<String> {
        let ended = self.child.lock().unwrap().try_wait().unwrap();
        let panic = std::fs::read_to_string(&self.files.log).unwrap();
        let panic = panic.lines().find(|line| line.contains("panicked at")).map(str::to_owned);
        match ended {
            Some(status) => Some(format!("operator {} has ended: {status}", self.number)),
            None => panic,
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        child.kill().ok();
        child.wait().ok();
        let Files { kubeconfig, config, .. } = &self.files;
        for file in [kubeconfig.clone(), config.clone(), config.with_extension(CHAT)] {
            std::fs::remove_file(file).ok();
        }
    }
}

fn spawn(files: &Files) -> Child {
    let log = OpenOptions::new().append(true).open(&files.log).unwrap();
    Command::new(&files.binary)
        .arg("operator")
        .args([Path::new("--config"), &files.config, Path::new("--kubeconfig"), &files.kubeconfig])
        .env("RUST_LOG", "firedrill=debug")
        .stderr(log)
        .spawn()
        .unwrap()
}
