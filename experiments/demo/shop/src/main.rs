//! One service of the demo shop. It answers `/` by asking its dependency, `/healthz` for itself, and
//! `/metrics` for Prometheus.
//!
//! Environment: `DEPENDENCY` (host:port, none for the last in the chain), `KEEP_ALIVE` (any value: the
//! connection to the dependency stays open), `WARM_UP` (seconds that it needs after its start until it
//! listens), `ACCESS_LOG` (any value: a line per request with its time, path, status and who asked).

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const PORT: u16 = 8080;
const PATIENCE: Duration = Duration::from_secs(1);
/// Upper edges of the duration histogram, in milliseconds.
const BUCKETS: [u64; 6] = [5, 10, 50, 100, 500, 1000];

struct Shop {
    dependency: Option<String>,
    keep_alive: bool,
    access_log: bool,
    open: Mutex<Option<TcpStream>>,
    answers: [AtomicU64; 2],
    durations: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

fn main() {
    let warm_up = env::var("WARM_UP").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    thread::sleep(Duration::from_secs(warm_up));
    let shop = Arc::new(Shop {
        dependency: env::var("DEPENDENCY").ok(),
        keep_alive: env::var("KEEP_ALIVE").is_ok(),
        access_log: env::var("ACCESS_LOG").is_ok(),
        open: Mutex::default(),
        answers: Default::default(),
        durations: Default::default(),
        micros: AtomicU64::default(),
    });
    let listener = match TcpListener::bind(("0.0.0.0", PORT)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on port {PORT}: {error}");
            std::process::exit(1);
        }
    };
    for stream in listener.incoming().flatten() {
        let shop = Arc::clone(&shop);
        thread::spawn(move || shop.serve(stream));
    }
}

impl Shop {
    /// Answers the requests of one connection until the other side closes it.
    fn serve(&self, stream: TcpStream) {
        let Ok(mut writer) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(stream);
        while let Some(Request { path, agent, close }) = read_request(&mut reader) {
            let (status, body) = self.answer(&path);
            if self.access_log {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                println!("{:.6} {path} {} {agent}", now.as_secs_f64(), &status[..3]);
            }
            let connection = if close { "close" } else { "keep-alive" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
                body.len()
            );
            if writer
                .write_all(head.as_bytes())
                .and_then(|()| writer.write_all(body.as_bytes()))
                .is_err()
                || close
            {
                return;
            }
        }
    }

    fn answer(&self, path: &str) -> (&'static str, String) {
        match path {
            "/metrics" => ("200 OK", self.metrics()),
            "/healthz" => ("200 OK", "ready\n".to_owned()),
            _ => {
                let began = Instant::now();
                match self.dependency.as_deref().map(|address| self.ask(address)) {
                    None | Some(true) => self.count(began, 0, "200 OK"),
                    Some(false) => self.count(began, 1, "502 Bad Gateway"),
                }
            }
        }
    }

    fn count(&self, began: Instant, kind: usize, status: &'static str) -> (&'static str, String) {
        let took = began.elapsed();
        let bucket = BUCKETS
            .iter()
            .position(|edge| took <= Duration::from_millis(*edge))
            .unwrap_or(BUCKETS.len());
        self.answers[kind].fetch_add(1, Ordering::Relaxed);
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(0), Ordering::Relaxed);
        (status, format!("{status}\n"))
    }

    /// Whether the dependency answers `/` with 200.
    fn ask(&self, address: &str) -> bool {
        if !self.keep_alive {
            return connect(address).is_some_and(|mut stream| request(&mut stream, "close"));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // The other side may have closed an open connection since: one new one is tried.
        for _ in 0..2 {
            let Some(mut stream) = open.take().or_else(|| connect(address)) else {
                return false;
            };
            if request(&mut stream, "keep-alive") {
                *open = Some(stream);
                return true;
            }
        }
        false
    }

    fn metrics(&self) -> String {
        let mut text = String::from("# TYPE requests_total counter\n");
        for (code, count) in ["200", "502"].into_iter().zip(&self.answers) {
            text +=
                &format!("requests_total{{code=\"{code}\"}} {}\n", count.load(Ordering::Relaxed));
        }
        text += "# TYPE request_duration_seconds histogram\n";
        let mut sum = 0;
        for (edge, count) in BUCKETS.iter().zip(&self.durations) {
            sum += count.load(Ordering::Relaxed);
            let seconds = Duration::from_millis(*edge).as_secs_f64();
            text += &format!("request_duration_seconds_bucket{{le=\"{seconds}\"}} {sum}\n");
        }
        sum += self.durations[BUCKETS.len()].load(Ordering::Relaxed);
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        text + &format!(
            "request_duration_seconds_bucket{{le=\"+Inf\"}} {sum}\nrequest_duration_seconds_sum {seconds}\nrequest_duration_seconds_count {sum}\n"
        )
    }
}

fn connect(address: &str) -> Option<TcpStream> {
    let address = address.to_socket_addrs().ok()?.next()?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

fn request(stream: &mut TcpStream, connection: &str) -> bool {
    let text = format!("GET / HTTP/1.1\r\nHost: shop\r\nConnection: {connection}\r\n\r\n");
    if stream.write_all(text.as_bytes()).is_err() {
        return false;
    }
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (String::new(), 0);
    if reader.read_line(&mut status).is_err() {
        return false;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap_or(0),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).is_ok() && status.split(' ').nth(1) == Some("200")
}

struct Request {
    path: String,
    /// What the other side calls itself; `-` when it does not.
    agent: String,
    /// Whether the other side closes after it.
    close: bool,
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let mut request = Request { path, agent: "-".to_owned(), close: false };
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            return Some(request);
        }
        match line.trim().split_once(": ") {
            Some((key, value)) if key.eq_ignore_ascii_case("user-agent") => {
                value.clone_into(&mut request.agent);
            }
            Some((key, value)) if key.eq_ignore_ascii_case("connection") => {
                request.close = value.eq_ignore_ascii_case("close");
            }
            _ => {}
        }
    }
}
