//! What people were told, by the chat that received it. Of a message whose answer nobody could write down nobody knows
//! that it arrived: it is told again.

use jiff::Timestamp;
use serde_json::Value;

use super::{Evidence, list};
use crate::proxy::Heard;

/// What people must be told.
const DUE: [&str; 2] = ["Opened", "Ended"];

/// Why a message arrived once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// Its answer was lost with the operator that had sent it, or came while that was paused: nobody wrote it down.
    AnswerLost,
    /// It was held back while the operator that had sent it was paused.
    SentLate,
    /// Without need.
    Needless,
}

/// Every time that this arrived.
fn arrivals<'a>(evidence: &'a Evidence, what: &str) -> Vec<&'a Heard> {
    evidence.heard.iter().filter(|heard| heard.message["what"] == what).collect()
}

/// Why a message arrived twice.
fn again(evidence: &Evidence, what: &str, (first, second): (&Heard, &Heard)) -> Again {
    let Some(fired) = evidence.fired else { return Again::Needless };
    if [first, second].iter().any(|heard| heard.is_late && heard.operator == fired.operator) {
        return Again::SentLate;
    }
    let is_known = evidence.statuses().iter().any(|status| {
        let mut messages = list(status.response(), "messages");
        status.completed() <= fired.at
            && messages.any(|known| known["what"] == what && known["delivered"].is_string())
    });
    let is_lost = first.operator == fired.operator && first.at <= fired.at && !is_known;
    if is_lost { Again::AnswerLost } else { Again::Needless }
}

fn all_again(evidence: &Evidence) -> impl Iterator<Item = (&'static str, Again)> {
    DUE.into_iter().flat_map(|what| {
        let arrived = arrivals(evidence, what);
        let pairs = arrived.windows(2).map(|pair| (pair[0], pair[1]));
        pairs.map(|pair| (what, again(evidence, what, pair))).collect::<Vec<_>>()
    })
}

/// How many messages arrived twice as the answer was lost, and as they were sent late.
pub fn twice(evidence: &Evidence) -> (usize, usize) {
    let count = |why| all_again(evidence).filter(|(_, again)| *again == why).count();
    (count(Again::AnswerLost), count(Again::SentLate))
}

/// What did not arrive, arrived too often or was never due.
pub fn needless(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for what in DUE {
        match arrivals(evidence, what).len() {
            0 => wrong.push(format!("{what} never arrived")),
            1 | 2 => {}
            times => wrong.push(format!("{what} arrived {times} times")),
        }
    }
    for (what, _) in all_again(evidence).filter(|(_, again)| *again == Again::Needless) {
        let at: Vec<(usize, Timestamp)> =
            arrivals(evidence, what).iter().map(|heard| (heard.operator, heard.at)).collect();
        wrong.push(format!("{what} arrived again without need: {at:?}, {:?}", evidence.fired));
    }
    for heard in &evidence.heard {
        let what = &heard.message["what"];
        if !DUE.iter().any(|due| what == due) {
            wrong.push(format!("{what} was told, which was not due"));
        }
    }
    for debrief in &evidence.debriefs {
        for message in list(debrief, "messages").filter(|message| message["delivered"].is_null()) {
            wrong.push(format!("nobody was told {}: {}", message["what"], message["error"]));
        }
    }
    wrong
}

/// What arrived again with another key or other words, and keys that several messages have.
pub fn other_keys(evidence: &Evidence) -> Vec<String> {
    let said = |heard: &Heard| [&heard.message["key"], &heard.message["text"]].map(Value::clone);
    let mut wrong = Vec::new();
    for (number, one) in evidence.heard.iter().enumerate() {
        for other in &evidence.heard[number + 1..] {
            let is_same = one.message["what"] == other.message["what"];
            let ([key, text], [other_key, other_text]) = (said(one), said(other));
            if is_same != (key == other_key) || is_same && text != other_text {
                wrong.push(format!("{key} {text}, and {other_key} {other_text}"));
            }
        }
    }
    wrong
}
