//! What a probed port answers: only an answer of HTTP/1 with a good status is good, and what is told of others is
//! short and does not repeat what was answered.

use std::{sync::LazyLock, time::Duration};

use firedrill::shell::net::{Net, ProbeError, Sockets};
use regex::Regex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
};

/// A status line that may be good.
static GOOD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"HTTP/1\.[01] +[23]\d\d").unwrap());
/// Longer than what is told of any answer.
const LONGEST_WORDS: usize = 60;
/// How long an answer may take that comes over the loopback device.
const WITHIN: Duration = Duration::from_secs(20);

pub fn run(dice: &mut Dice) -> Outcome {
    let (answer, reads) = (answer(dice), dice.chance(80));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let said = runtime.map_err(|error| error.to_string())?.block_on(probe(&answer, reads))?;
    let shown = || String::from_utf8_lossy(&answer[..answer.len().min(500)]).into_owned();
    match said {
        Ok(()) => {
            let is_good = GOOD.is_match(&String::from_utf8_lossy(&answer));
            ensure(is_good, || format!("{:?} is called good", shown()))?;
            Ok(Fate::Read)
        }
        Err(ProbeError::Failed(words)) => {
            let is_plain =
                words.len() <= LONGEST_WORDS && words.chars().all(|c| (' '..='~').contains(&c));
            ensure(is_plain, || format!("{words:?} is told of {:?}", shown()))?;
            ensure(words != "timed out", || format!("{:?} is waited for", shown()))?;
            Ok(Fate::Refused)
        }
        Err(ProbeError::Unsent(why)) => Err(format!("nothing was asked: {why}")),
    }
}

/// What a probe says of a port that answers like this and closes.
async fn probe(answer: &[u8], reads: bool) -> Result<Result<(), ProbeError>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let serve = async {
        let (mut stream, _) = listener.accept().await?;
        if reads {
            // How much of the request comes at once does not matter.
            let _ = stream.read(&mut [0; 2048]).await?;
        }
        // Whoever has heard enough hangs up.
        stream.write_all(answer).await.ok();
        Ok::<(), std::io::Error>(())
    };
    let net = Sockets::new(&[]).map_err(|error| error.to_string())?;
    let probe = net.http_probe(address, "web.shop.svc", "/healthz?a=b", WITHIN);
    let (served, said) = futures::join!(serve, probe);
    served.map_err(failed)?;
    Ok(said)
}

fn answer(dice: &mut Dice) -> Vec<u8> {
    let others = ["HTTP/1.0", "HTTP/2.0", "http/1.1", "SSH-2.0", ""];
    let version = dice.either(85, &["HTTP/1.1"], &others);
    let others = ["400", "503", "100", "101", "199", "099", "1000", "2", "-200", "20\u{660}"];
    let status = dice.either(60, &["200", "204", "302", "399"], &others);
    let header = |dice: &mut Dice| {
        let usual = ["content-length: 0", "connection: close", "location: http://evil/", "x: y"];
        let others = [
            "content-length: 3",
            "content-length: -1",
            "content-length: 99999999999999999999",
            "content-length: 1, 2",
            "transfer-encoding: chunked",
            ": x",
            "x",
            "set-cookie: \u{1b}[31m",
            "upgrade: h2c",
        ];
        dice.either(80, &usual, &others)
    };
    let headers = dice.some(4, header);
    let others =
        ["ok\n", "3\r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "HTTP/1.1 500 x\r\n\r\n"];
    let body = dice.either(60, &[""], &others);
    let end = dice.either(90, &["\r\n"], &["\n", "\r"]);
    let text = format!("{version} {status} OK{end}{}{end}{end}{body}", headers.join(end));
    let text = match dice.below(10) {
        0 => dice.text(40),
        1 => "HTTP/1.1 100 Continue\r\n\r\n".repeat(dice.below(50)) + &text,
        2 => format!("{version} 200 OK\r\n{}\r\n", "a: b\r\n".repeat(dice.below(100_000))),
        3..5 => dice.mutated(&text),
        _ => text,
    };
    text.into_bytes()
}
