//! The way between operators and the API server: calls are lost before or after they are done, come
//! late, come twice, are refused, or are the last thing that their sender does.

use std::io::Error;

use axum::body::Bytes;
use firedrill::shell::call::SILENCE;
use http::{Method, Request, request::Parts};
use kube::{Client, client::Body};
use rand::RngExt;
use tokio::sync::oneshot;

use super::{
    answer::Answer,
    call::{Call, Caller},
    world::{Shared, World, lock},
};

type Answered = oneshot::Sender<Result<Answer, Error>>;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Plain,
    LostBefore,
    LostAfter,
    Delayed,
    Repeated,
    Refused(u16),
    AnsweredLate,
    CrashBefore,
    CrashAfter,
}

impl Fate {
    pub const ALL: [Self; 11] = [
        Self::LostBefore,
        Self::LostAfter,
        Self::Delayed,
        Self::Repeated,
        Self::Refused(429),
        Self::Refused(500),
        Self::Refused(503),
        Self::AnsweredLate,
        Self::AnsweredLate,
        Self::CrashBefore,
        Self::CrashAfter,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "call",
            Self::LostBefore => "call lost before",
            Self::LostAfter => "call lost after",
            Self::Delayed => "call delayed",
            Self::Repeated => "call repeated",
            Self::Refused(_) => "call refused",
            Self::AnsweredLate => "answer late",
            Self::CrashBefore => "crash before a call",
            Self::CrashAfter => "crash after a call",
        }
    }
}

/// A client of the simulated API server, as `caller` has it.
pub fn client(world: &Shared, caller: Caller) -> Client {
    let world = world.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let world = world.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.map_err(Error::other)?;
            let answer = lock(&world).send(caller, &parts, &body);
            match tokio::time::timeout(SILENCE, answer).await {
                Ok(Ok(answer)) => answer.map(Answer::response),
                // Nobody will ever answer; what the real client would find out in the same time.
                Ok(Err(_)) => {
                    tokio::time::sleep(SILENCE).await;
                    Err(Error::other("no answer"))
                }
                Err(_) => Err(Error::other("no answer")),
            }
        }
    });
    Client::new(service, "shop")
}

impl World {
    fn send(
        &mut self,
        caller: Caller,
        parts: &Parts,
        body: &Bytes,
    ) -> oneshot::Receiver<Result<Answer, Error>> {
        let (answered, answer) = oneshot::channel();
        if !self.is_alive(caller) {
            return answer;
        }
        let mut call = Call::read(caller, self.millis(), parts, body);
        if let Some(plant) = self.plant {
            plant.tamper(&mut call);
        }
        let fate = self.fate(&call);
        self.tally.count(fate.name());
        let mut random = self.dice.about(("way", call.identity()));
        let (there, back) = (random.random_range(1..6), random.random_range(1..6));
        let long = random.random_range(1000..15_000);
        let silent = random.random_bool(0.5);
        match fate {
            Fate::Plain => self.land(call, there, Some((answered, back))),
            Fate::AnsweredLate => self.land(call, there, Some((answered, long / 2))),
            Fate::Delayed => self.land(call, long, Some((answered, back))),
            Fate::LostBefore => self.lose(answered, there + back, silent),
            Fate::LostAfter => {
                self.land(call, there, None);
                self.lose(answered, there + back, silent);
            }
            Fate::Repeated => {
                self.land(call.clone(), long, None);
                self.land(call, there, Some((answered, back)));
            }
            Fate::Refused(code) => {
                let reason = if code == 429 { "TooManyRequests" } else { "InternalError" };
                let refusal = Answer::refusal(code, reason, "the server is busy", &[]);
                self.after(there + back, 0, move |_| drop(answered.send(Ok(refusal))));
            }
            Fate::CrashBefore => self.crash(caller.seat),
            Fate::CrashAfter => {
                self.land(call, there, None);
                self.after(there, u64::MAX, move |world| {
                    drop(answered);
                    if world.is_alive(caller) {
                        world.crash(caller.seat);
                    }
                });
            }
        }
        answer
    }

    fn fate(&self, call: &Call) -> Fate {
        // What breaks something is what must never come late or twice.
        let share = if call.is_kill() { 5.0 } else { 1.0 };
        if !self.goes_wrong(share, ("fate", call.identity())) {
            return Fate::Plain;
        }
        let number = self.dice.number(("which fate", call.identity()));
        let fate = Fate::ALL[usize::try_from(number).unwrap_or_default() % Fate::ALL.len()];
        let harmless = call.method == Method::GET;
        if harmless && fate == Fate::Repeated { Fate::LostBefore } else { fate }
    }

    /// The call reaches the server, whether its sender still lives or not.
    fn land(&mut self, call: Call, there: u64, back: Option<(Answered, u64)>) {
        let rank = self.dice.number(call.identity());
        let writes = u32::from(!call.is_read());
        self.on_the_way += writes;
        self.after(there, rank, move |world| {
            world.on_the_way -= writes;
            if !world.is_alive(call.caller) {
                world.tally.count("call outlived its sender");
            }
            let answer = world.serve(&call);
            if let Some((answered, back)) = back {
                world.after(back, rank, move |_| drop(answered.send(Ok(answer))));
            }
        });
    }

    /// The sender hears of a broken connection, or nothing at all.
    fn lose(&mut self, answered: Answered, after: u64, silent: bool) {
        if !silent {
            let lost = Error::other("connection reset");
            self.after(after, 0, move |_| drop(answered.send(Err(lost))));
        }
    }
}
