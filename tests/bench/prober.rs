//! The bare prober that the operator's probes are compared with, and the server that both of them ask, which keeps when
//! it was asked. It shares no code with the operator.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "what it measures is by the wall clock of the machine"
)]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{LocalSet, spawn_local},
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

const USAGE: &str = "usage: prober serve PORT | prober send SECONDS COUNT ADDRESS...";
const INTERVAL: Duration = Duration::from_secs(1);
/// What is asked for to get the instants of all requests by their paths, in microseconds since 1970.
const TIMES: &str = "/times";

type Times = Rc<RefCell<BTreeMap<String, Vec<u128>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let local = LocalSet::new();
    match arguments[..] {
        ["serve", port] => local.run_until(serve(port)).await,
        ["send", seconds, count, ref addresses @ ..] if !addresses.is_empty() => {
            let (seconds, count) = (seconds.parse().expect(USAGE), count.parse().expect(USAGE));
            local.run_until(send(Duration::from_secs(seconds), count, addresses)).await;
        }
        _ => panic!("{USAGE}"),
    }
}

async fn serve(port: &str) {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).await.unwrap();
    let times = Times::default();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        spawn_local(answer(stream, times.clone()));
    }
}

/// One request per connection; who sends less than one gets no answer.
async fn answer(mut stream: TcpStream, times: Times) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
            continue;
        }
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let head = String::from_utf8_lossy(&request);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let body = if path == TIMES {
        serde_json::to_string(&*times.borrow()).unwrap()
    } else {
        times.borrow_mut().entry(path.to_owned()).or_default().push(now);
        String::new()
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.ok();
}

/// Sends so many probes a second, each for a path of its own and with its own phase.
async fn send(time: Duration, count: u32, addresses: &[&str]) {
    for (index, address) in (0..count).zip(addresses.iter().cycle()) {
        let address = (*address).to_owned();
        spawn_local(async move {
            let mut ticks = interval_at(Instant::now() + INTERVAL * index / count, INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                // The server tells what did not come.
                let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
                let request = format!("GET /bare-{index} HTTP/1.1\r\nHost: {address}\r\n\r\n");
                if stream.write_all(request.as_bytes()).await.is_ok() {
                    stream.read_to_end(&mut Vec::new()).await.ok();
                }
            }
        });
    }
    sleep(time).await;
}
