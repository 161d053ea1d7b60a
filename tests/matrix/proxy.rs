//! A proxy between one case's operators and the API server: it does what the case's rule says to the
//! operator that sends a certain write, plants a bug, and keeps a book of what it forwarded.
//!
//! It also is the chat, where the operators are told of one: each message is a write, and counted.
//!
//! The operators speak plain HTTP to it, and it speaks TLS to the API server; their tokens pass, so
//! that the API server knows them. Lists of all namespaces are narrowed to the case's own.

pub mod ask;
pub mod plant;
pub mod rule;
pub mod wire;
pub mod write;

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http::{HeaderMap, Method, header};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::Value;
use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{ground::BYSTANDER, merge::merge, operator::Operator};
use ask::Ask;
use plant::{Plant, Tampered};
use rule::{Action, Moment, Rule};
use wire::{Answer, Request, Wire};
use write::{Teller, Told};

/// How to reach the API server.
#[derive(Clone)]
pub struct Upstream {
    pub url: String,
    pub client: reqwest::Client,
    /// The administrator's way, for planted bugs alone.
    pub admin: Client,
}

/// One case's proxy.
pub struct Proxy {
    upstream: Upstream,
    namespace: String,
    rule: Option<Rule>,
    plant: Option<Plant>,
    book: Mutex<Book>,
    /// To which operator the rule was applied.
    pub fired: watch::Sender<Option<Fired>>,
    release: Notify,
}

/// That a rule was applied.
#[derive(Clone, Copy, Debug)]
pub struct Fired {
    /// The number of the operator.
    pub operator: usize,
    pub at: Timestamp,
}

struct Book {
    teller: Teller,
    counts: bool,
    spent: bool,
    forwarded: Vec<Forwarded>,
    heard: Vec<Heard>,
    under_way: usize,
    last: Instant,
    /// What an object is said to be, by the path at which it is read.
    hidden: Option<(String, Value)>,
}

/// A write that the API server has answered.
#[derive(Clone, Debug)]
pub struct Forwarded {
    pub told: Told,
    /// By which the audit log knows it.
    pub audit_id: String,
}

/// A message that the chat has received.
#[derive(Clone, Debug)]
pub struct Heard {
    pub told: Told,
    /// The number of the operator.
    pub operator: usize,
    pub at: Timestamp,
    pub message: Value,
    /// Whether it was held back while the operator was paused.
    pub is_late: bool,
}

impl Proxy {
    pub fn new(
        upstream: Upstream,
        namespace: &str,
        rule: Option<Rule>,
        plant: Option<Plant>,
    ) -> Arc<Self> {
        let book = Book {
            teller: Teller::default(),
            counts: false,
            spent: false,
            forwarded: Vec::new(),
            heard: Vec::new(),
            under_way: 0,
            last: Instant::now(),
            hidden: None,
        };
        Arc::new(Self {
            upstream,
            namespace: namespace.to_owned(),
            rule,
            plant,
            book: Mutex::new(book),
            fired: watch::Sender::new(None),
            release: Notify::new(),
        })
    }

    /// Serves one operator until the task is aborted; its connections end with it.
    pub async fn serve(self: Arc<Self>, operator: Arc<Operator>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            let (proxy, operator) = (self.clone(), operator.clone());
            connections.spawn(async move {
                // A connection that ends early is what this proxy is for.
                proxy.converse(&operator, stream).await.ok();
            });
        }
    }

    /// From now on the writes are those of the run: they are counted, and the rule holds.
    pub fn begin(&self) {
        self.book().counts = true;
    }

    /// Lets a write that was held back go on.
    pub fn release(&self) {
        self.release.notify_one();
    }

    /// Every write that was answered since the run began.
    pub fn forwarded(&self) -> Vec<Forwarded> {
        self.book().forwarded.clone()
    }

    /// Every message that the chat has received, in their order.
    pub fn heard(&self) -> Vec<Heard> {
        self.book().heard.clone()
    }

    /// Whether no write is under way and none has come for that long.
    pub fn is_quiet_for(&self, time: Duration) -> bool {
        let book = self.book();
        book.under_way == 0 && book.last.elapsed() >= time
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    async fn converse(&self, operator: &Operator, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut wire = BufReader::new(stream);
        while let Some(mut request) = wire::read(&mut wire).await? {
            match Ask::of(&request.method, request.path()) {
                Some(ask) if ask.is_write() && !request.is_rehearsal() => {
                    self.book().under_way += 1;
                    let passed = self.write(operator, &mut wire, &ask, request).await;
                    let mut book = self.book();
                    (book.under_way, book.last) = (book.under_way - 1, Instant::now());
                    passed?;
                }
                ask => {
                    let list = self.narrow(ask.as_ref(), &mut request);
                    self.read(&mut wire, &request).await?;
                    if list {
                        operator.has_looked();
                    }
                }
            }
        }
        Ok(())
    }

    /// Narrows a list of what is ours, of all namespaces, to this one; says whether it is the
    /// list with which an operator begins.
    fn narrow(&self, ask: Option<&Ask>, request: &mut Request) -> bool {
        let Some(ask) = ask.filter(|ask| ask.verb == "list" && ask.namespace.is_none()) else {
            return false;
        };
        let ours = ["experimentruns", "experiments", "gamedays", "gamedayruns", "debriefs"];
        if !ours.contains(&ask.resource.as_str()) {
            return false;
        }
        let separator = if request.target.contains('?') { '&' } else { '?' };
        let field = format!("{separator}fieldSelector=metadata.namespace%3D{}", self.namespace);
        request.target.push_str(&field);
        ask.resource == "experimentruns" && !request.is_watch()
    }

    async fn read(&self, wire: &mut Wire, request: &Request) -> io::Result<()> {
        let hidden = self.book().hidden.clone().filter(|(path, _)| path == request.path());
        if let Some((_, change)) = hidden {
            return wire::write(wire, &self.pretend(request, change).await?).await;
        }
        let answer = self.send(request).await?;
        if request.is_watch() {
            wire::pass(wire, answer).await
        } else {
            wire::write(wire, &whole(answer).await?).await
        }
    }

    /// Does with a write what the rule says.
    async fn write(
        &self,
        operator: &Operator,
        wire: &mut Wire,
        ask: &Ask,
        request: Request,
    ) -> io::Result<()> {
        let (told, action) = self.judge(ask, &request);
        let kill = |moment| {
            let now = matches!(action, Some(Action::Kill(at, _)) if at == moment);
            if now {
                operator.kill();
                self.applied(operator);
            }
            now
        };
        if action == Some(Action::Hold) {
            operator.pause();
            self.applied(operator);
            self.release.notified().await;
        }
        if kill(Moment::Before) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let answer = if ask.is_message() {
            self.hear(operator, told, &request, action == Some(Action::Hold))
        } else {
            self.deliver(ask, told, request).await?
        };
        if kill(Moment::Committed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        wire::write(wire, &answer).await?;
        kill(Moment::Answered);
        Ok(())
    }

    fn applied(&self, operator: &Operator) {
        let fired = Fired { operator: operator.number, at: Timestamp::now() };
        self.fired.send_replace(Some(fired));
    }

    /// Takes a message, as a chat does.
    fn hear(
        &self,
        operator: &Operator,
        told: Option<Told>,
        request: &Request,
        is_late: bool,
    ) -> Answer {
        let message = serde_json::from_slice(&request.body).unwrap_or_default();
        let (operator, at) = (operator.number, Timestamp::now());
        let heard = told.map(|told| Heard { told, operator, at, message, is_late });
        self.book().heard.extend(heard);
        Answer { status: http::StatusCode::OK, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Which write of the run it is, and what is to be done at it.
    fn judge(&self, ask: &Ask, request: &Request) -> (Option<Told>, Option<Action>) {
        let mut book = self.book();
        if !book.counts {
            return (None, None);
        }
        let told = book.teller.tell(ask, &request.body);
        let rule = self.rule.as_ref().filter(|rule| !book.spent && told.is(&rule.write));
        book.spent |= rule.is_some();
        (Some(told), rule.map(|rule| rule.action))
    }

    /// Sends a write on, with the planted bug, and writes down that it was answered.
    async fn deliver(
        &self,
        ask: &Ask,
        told: Option<Told>,
        mut request: Request,
    ) -> io::Result<Answer> {
        let tampered = self.plant.map_or(Tampered::Sent, |plant| plant.tamper(ask, &mut request));
        match tampered {
            Tampered::Sent => self.forward(told, &request).await,
            Tampered::Preceded(other) => {
                self.forward(told.clone(), &other).await?;
                self.forward(told, &request).await
            }
            Tampered::Followed(other) => {
                let answer = self.forward(told.clone(), &request).await?;
                self.forward(told, &other).await?;
                Ok(answer)
            }
            Tampered::Hidden(change) => {
                self.book().hidden = Some((request.path().to_owned(), change.clone()));
                self.pretend(&request, change).await
            }
            Tampered::Meddled(change) => {
                let admin = self.upstream.admin.clone();
                let pods: Api<Pod> = Api::namespaced(admin, &self.namespace);
                let patch = Patch::Merge(change);
                let changed = pods.patch(BYSTANDER, &PatchParams::default(), &patch).await;
                changed.map_err(io::Error::other)?;
                self.forward(told, &request).await
            }
            Tampered::Pretended(change) => self.pretend(&request, change).await,
            Tampered::Answered(answer) => Ok(answer),
        }
    }

    async fn forward(&self, told: Option<Told>, request: &Request) -> io::Result<Answer> {
        let answer = whole(self.send(request).await?).await?;
        let audit_id = answer.headers.get("audit-id").and_then(|id| id.to_str().ok());
        if let (Some(told), Some(audit_id)) = (told, audit_id) {
            self.book().forwarded.push(Forwarded { told, audit_id: audit_id.to_owned() });
        }
        Ok(answer)
    }

    /// Answers as if the write had been done.
    async fn pretend(&self, request: &Request, change: Value) -> io::Result<Answer> {
        let mut read = request.clone();
        read.method = Method::GET;
        read.target = request.path().trim_end_matches("/status").to_owned();
        read.body.clear();
        let mut answer = whole(self.send(&read).await?).await?;
        let mut object = serde_json::from_slice(&answer.body).map_err(io::Error::other)?;
        merge(&mut object, change);
        answer.body = object.to_string().into_bytes();
        Ok(answer)
    }

    async fn send(&self, request: &Request) -> io::Result<reqwest::Response> {
        let own = |(name, _): &(&_, &_)| !wire::is_of_one_connection(name);
        let headers: HeaderMap = request
            .headers
            .iter()
            .filter(own)
            .map(|(name, value)| (name.clone(), value.clone()))
            .filter(|(name, _)| name != header::ACCEPT_ENCODING)
            .collect();
        let url = format!("{}{}", self.upstream.url, request.target);
        let sent = self.upstream.client.request(request.method.clone(), url);
        sent.headers(headers).body(request.body.clone()).send().await.map_err(io::Error::other)
    }
}

async fn whole(answer: reqwest::Response) -> io::Result<Answer> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.map_err(io::Error::other)?.to_vec();
    Ok(Answer { status, headers, body })
}
