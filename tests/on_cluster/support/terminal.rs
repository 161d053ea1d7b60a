//! The `firedrill` program as people meet it: on a terminal of a known size whose screen can be read,
//! or without one.

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::{Child, Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support;
use serde_json::{Value, json};

/// Columns of the terminal; wide enough for every line of a run.
pub const WIDTH: u16 = 140;
const HEIGHT: u16 = 40;

/// The program with the test cluster's own kubeconfig and this namespace.
pub fn firedrill(namespace: &str, arguments: &[&str]) -> Output {
    let kubeconfig = std::env::var("FIREDRILL_TEST_CLUSTER").unwrap();
    with_kubeconfig(&kubeconfig, namespace, arguments)
}

/// The same with another kubeconfig.
pub fn with_kubeconfig(kubeconfig: &str, namespace: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["--kubeconfig", kubeconfig, "-n", namespace])
        .args(arguments)
        .env_remove("FIREDRILL_CONFIG")
        .output()
        .unwrap()
}

/// A file that holds an Experiment named `kill`: [`support::spec`] with a change.
pub struct File(PathBuf);

impl File {
    pub fn experiment(name: &str, change: Value) -> Self {
        let mut spec = support::spec();
        support::merge(&mut spec, change);
        let experiment = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment",
            "metadata": {"name": "kill"}, "spec": spec,
        });
        Self::of(name, &experiment.to_string())
    }

    pub fn of(name: &str, text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("firedrill-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// The program on a terminal of its own.
pub struct Terminal {
    child: Child,
    keyboard: Arc<pty_process::blocking::Pty>,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    pub fn start(namespace: &str, arguments: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(HEIGHT, WIDTH)).unwrap();
        let kubeconfig = std::env::var("FIREDRILL_TEST_CLUSTER").unwrap();
        let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["--kubeconfig", &kubeconfig, "-n", namespace])
            .args(arguments)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .env_remove("FIREDRILL_CONFIG");
        let child = command.spawn(pts).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(HEIGHT, WIDTH, 0)));
        let keyboard = Arc::new(pty);
        let (source, target) = (keyboard.clone(), screen.clone());
        // The reading ends with an error when the program has ended.
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = (&*source).read(&mut bytes) {
                target.lock().unwrap().process(&bytes[..count]);
            }
        });
        Self { child, keyboard, screen, reader: Some(reader) }
    }

    /// What stands on the screen now, without the blanks at the ends of lines.
    pub fn screen(&self) -> String {
        let contents = self.screen.lock().unwrap().screen().contents();
        contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// Waits until the screen shows `text` and gives the whole of it.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < end, "the screen never showed {text:?}:\n{screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn press(&self, keys: &str) {
        (&*self.keyboard).write_all(keys.as_bytes()).unwrap();
    }

    pub fn interrupt(&self) {
        self.press("\x03");
    }

    /// Waits until the program has ended; its exit code, and what it left on the screen.
    pub fn ended(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (code, self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
