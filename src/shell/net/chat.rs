//! Messages to a chat, whose URL is a secret.

use std::io::Read;

use reqwest::{Url, header};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{explain, http_client, name};
use crate::{
    api::{Duration, Moment},
    config::Chat,
    core::undelivered::Undelivered,
};

/// A URL is not longer.
const URL_MAX: u64 = 4 << 10;

/// Posts a message with its key; of the answer the status and `Retry-After` alone are read.
pub(super) async fn post(chat: &Chat, key: &str, message: Value) -> Result<(), Undelivered> {
    let url = secret_url(chat)?;
    let client = http_client(url.as_str(), chat.ca_file.as_ref());
    let client = client.map_err(|error| error.to_string())?;
    let request = client.post(url).timeout(chat.timeout.std()).header("idempotency-key", key);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let answer = request.body(message.to_string()).send().await.map_err(explain)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after =
        text(header::RETRY_AFTER).and_then(|asked| retry_after(asked, text(header::DATE)));
    Err(Undelivered { problem: format!("HTTP {}", status.as_u16()), retry_after })
}

/// How long that asks for: seconds, or until a time by the clock of whoever answered (RFC 9110, 10.2.3 and 6.6.1).
fn retry_after(asked: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::seconds(seconds));
    }
    let dates = jiff::fmt::rfc2822::DateTimeParser::new();
    let at = |text| dates.parse_timestamp(text).ok().map(Moment::new);
    Some(Duration::between(at(date?)?, at(asked)?))
}

/// Whether there is somebody who takes connections at the chat's URL; nothing is sent.
pub(super) async fn reach(chat: &Chat) -> Result<(), String> {
    let url = secret_url(chat)?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
    // As resolvers want it: a URL has an IPv6 address in brackets.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let connection = TcpStream::connect((host, port.unwrap_or_default()));
    match timeout(chat.timeout.std(), connection).await {
        Ok(connected) => connected.map(drop).map_err(|error| name(&error)),
        Err(_) => Err("timed out".to_owned()),
    }
}

/// The URL of a chat, of which no error tells anything.
fn secret_url(chat: &Chat) -> Result<Url, String> {
    let file = chat.url_file.display();
    let mut text = String::new();
    let opened = std::fs::File::open(&chat.url_file);
    let read = opened.and_then(|opened| opened.take(URL_MAX).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read {file}: {error}"))?;
    let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| format!("{file} holds no URL that begins with http:// or https://"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What becomes of a message to that URL, and what was received where that is answered so.
    async fn posted(url: Option<&str>, answer: &str) -> (Result<(), Undelivered>, String) {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}/secret", listener.local_addr().unwrap());
        let name = format!(
            "firedrill-chat-{}-{}",
            std::process::id(),
            listener.local_addr().unwrap().port()
        );
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, format!("{}\n", url.unwrap_or(&here))).unwrap();
        let chat = json!({"urlFile": file, "timeout": "1s"});
        let chat: Chat = serde_json::from_value(chat).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer.is_empty() {
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            }
            String::from_utf8(request).unwrap()
        };
        let said = post(&chat, "uid/Before", json!({"text": "soon"}));
        let ended = if url.is_some() {
            (said.await, String::new())
        } else {
            let (request, said) = futures::join!(serve, said);
            (said, request)
        };
        std::fs::remove_file(&file).unwrap();
        ended
    }

    #[tokio::test]
    async fn a_message_has_its_key_and_is_delivered_only_where_that_is_answered() {
        let head = "HTTP/1.1 {} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        for (status, expected) in
            [("200", None), ("204", None), ("301", Some(())), ("500", Some(()))]
        {
            let (said, request) = posted(None, &head.replace("{}", status)).await;
            assert_eq!(said.err(), expected.map(|()| format!("HTTP {status}").into()));
            assert!(request.starts_with("POST /secret HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("idempotency-key: uid/Before\r\n"), "{request}");
            assert!(request.ends_with("\r\n\r\n{\"text\":\"soon\"}"), "{request}");
        }
        // An answer without an end is not waited for.
        let endless = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nhello";
        assert_eq!(posted(None, endless).await.0, Ok(()));
    }

    #[tokio::test]
    async fn how_long_a_chat_asks_to_be_left_alone_is_heard() {
        let busy =
            "HTTP/1.1 429 x\r\ncontent-length: 0\r\nretry-after: 30\r\nconnection: close\r\n\r\n";
        let refused = posted(None, busy).await.0.unwrap_err();
        assert_eq!(refused.retry_after, Some(Duration::seconds(30)));
        let date = Some("Mon, 30 Nov 2026 10:00:00 GMT");
        for (asked, heard) in [
            ("0", Some(0)),
            ("Mon, 30 Nov 2026 10:02:00 GMT", Some(120)),
            ("Mon, 30 Nov 2026 09:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(asked, date), heard.map(Duration::seconds), "{asked}");
        }
    }

    /// What is said of the chat at that URL.
    async fn reached(url: &str) -> Result<(), String> {
        let name = format!("firedrill-reach-{}-{}", std::process::id(), url.len());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, url).unwrap();
        let chat = json!({"urlFile": file, "timeout": "1s"});
        let said = reach(&serde_json::from_value(chat).unwrap()).await;
        std::fs::remove_file(&file).unwrap();
        said
    }

    #[tokio::test]
    async fn a_chat_is_reached_where_somebody_takes_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}/secret", listener.local_addr().unwrap());
        assert_eq!(reached(&here).await, Ok(()));
        for (url, words) in [
            ("http://127.0.0.1:1/secret", "connection refused"),
            ("http://[::1]:1/secret", ""),
            ("http://secret.invalid/", ""),
            ("secret", "holds no URL"),
        ] {
            let error = reached(url).await.unwrap_err();
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn no_error_tells_the_url() {
        for (url, words) in [
            (None, "timed out"),
            (Some("http://127.0.0.1:1/secret"), "connection refused"),
            (Some("127.0.0.1/secret"), "holds no URL that begins with http:// or https://"),
            (Some("ftp://127.0.0.1/secret"), "holds no URL that begins with http:// or https://"),
        ] {
            let error = posted(url, "").await.0.unwrap_err().problem;
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
    }
}
