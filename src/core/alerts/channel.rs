//! How alerts are told, and what the word of each channel is worth.

use crate::api::Duration;

/// One way in which an alert source tells of alerts. The rules go by these values and know no source by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name as facts have it; where its source is asked, also the source's key in the configuration.
    pub name: &'static str,
    /// What people call its source.
    pub source: &'static str,
    /// Whether its source knows what is silenced or inhibited.
    pub knows_silences: bool,
    /// Whether an answer speaks of the whole time that was asked about, and names each alert once, by its last
    /// episode. Else it speaks of its own instant, and an alert that fires anew is another one.
    pub has_history: bool,
    /// How long a notification is believed where nobody who is asked knows its alert and its end is never told;
    /// absent where the source is asked, and so speaks for itself each time.
    pub holds: Option<Duration>,
}
