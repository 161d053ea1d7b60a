//! How much of the operator those may take who reach its port: anybody may connect, and a token proves only who
//! sends, not how much.

use std::time::Duration;

/// The bounds; a test takes tighter ones.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub per_peer: usize,
    /// What the kernel keeps of what a connection has sent and nobody has read, in bytes; it takes twice as much.
    pub unread: u32,
    /// The longest head of a request, in bytes.
    pub head: usize,
    /// From the connection to the end of the request's head.
    pub head_within: Duration,
    /// The longest body of a request, in bytes.
    pub body: usize,
    /// Bodies in memory at once.
    pub bodies: usize,
    /// How long a request waits until there is room for its body.
    pub room_within: Duration,
    /// From there to the end of the body.
    pub body_within: Duration,
    /// How long a sender waits until what it told is written down.
    pub written_within: Duration,
    /// How long a client that still sends has to read the answer.
    pub answer_within: Duration,
    /// The longest life of a connection.
    pub connection_within: Duration,
}

/// All together they take less than a third of the 64 MiB that the chart gives, whoever is at the port.
pub const BOUNDS: Bounds = Bounds {
    // Far more than replicas of what reads metrics and notifies, far less than the 1024 files that a process may
    // have open where nobody allows more.
    connections: 128,
    // As many notifications are sent at once as groups of alerts are due; what is over this is sent again.
    per_peer: 32,
    // A body of the longest kind still arrives within two seconds over a way of 10 ms.
    unread: 32 << 10,
    // A hundred times a token, and twice the least that hyper takes.
    head: 16 << 10,
    // Whoever has something to ask has sent it with the first packets.
    head_within: Duration::from_secs(5),
    // Alertmanager sends about a kilobyte per alert and, unless told otherwise, every alert of a group at once:
    // this is a group of 4,000.
    body: 4 << 20,
    bodies: 2,
    // It takes milliseconds to read a body.
    room_within: Duration::from_secs(2),
    body_within: Duration::from_secs(10),
    // Alertmanager itself waits longer.
    written_within: Duration::from_secs(8),
    answer_within: Duration::from_secs(1),
    // Longer than everything above one after another.
    connection_within: Duration::from_secs(30),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longest_fits_into_the_life_of_a_connection() {
        let Bounds { head_within, room_within, body_within, .. } = BOUNDS;
        let read = head_within + room_within + body_within;
        let told = BOUNDS.written_within + BOUNDS.answer_within;
        assert!(read + told < BOUNDS.connection_within);
    }

    #[test]
    fn all_that_can_be_taken_is_less_than_a_third_of_what_the_chart_gives() {
        let unread = 2 * usize::try_from(BOUNDS.unread).unwrap();
        let taken = BOUNDS.connections * (BOUNDS.head + unread) + BOUNDS.bodies * BOUNDS.body;
        assert!(taken < (64 << 20) / 3, "{taken}");
    }
}
