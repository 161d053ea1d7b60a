//! Single values that nobody of ours would write.

use serde_json::{Value, json};

/// Seeded chance.
pub struct Dice(fastrand::Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// One of these.
    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())].clone()
    }

    /// Less than that.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }

    /// An instant as the schema takes it, or nearly.
    pub fn instant(&mut self) -> String {
        let now = jiff::Timestamp::now();
        let after = |seconds| (now + jiff::SignedDuration::from_secs(seconds)).to_string();
        let strange = [
            "9999-12-31T23:59:59Z",
            "9999-12-30T22:00:00Z",
            "9999-12-31T23:59:59.999999999-14:00",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "-9999-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "2016-12-31T23:59:60Z",
            "2026-11-24t10:00:00z",
            "2026-11-24T10:00:00+14:00",
            "2026-11-24T10:00:00.123456789123456Z",
        ];
        match self.below(strange.len() + 6) {
            0 | 1 => after(0),
            2 => after(-30),
            3 => after(600),
            4 => after(86_400),
            5 => after(-400 * 86_400),
            other => strange[other - 6].to_owned(),
        }
    }

    /// An instant of a run that is under way.
    pub fn recent(&mut self) -> String {
        let ago = jiff::SignedDuration::from_millis(i64::try_from(self.below(20_000)).unwrap());
        (jiff::Timestamp::now() - ago).to_string()
    }

    /// A text of at most so many characters.
    pub fn text(&mut self, longest: usize) -> String {
        let texts = [
            "",
            "x",
            "web",
            "Deployment",
            "Pod",
            "null",
            "-1",
            "é\u{2028}<&>\"'",
            "../../x",
            "{{.}}%s%n",
            "$(reboot)",
        ];
        let text = if self.percent(10) {
            "x".repeat(longest.min(4096))
        } else {
            self.of(&texts).to_owned()
        };
        text.chars().take(longest).collect()
    }

    pub fn duration(&mut self) -> &'static str {
        self.of(&[
            "0",
            "0s",
            "1us",
            "30s",
            "1h",
            "999999h",
            "999999h999999h",
            "0.000001us",
            "1h1h1h1h",
        ])
    }

    pub fn integer(&mut self, is_wide: bool) -> Value {
        let narrow = [0, 1, -1, 2, i64::from(i32::MAX), i64::from(i32::MIN)];
        let wide = [i64::MAX, i64::MIN, 1 << 53];
        if is_wide && self.percent(50) { json!(self.of(&wide)) } else { json!(self.of(&narrow)) }
    }

    pub fn real(&mut self) -> Value {
        self.of(&[json!(0), json!(-1), json!(12.5), json!(1e308), json!(-1e308), json!(5e-324)])
    }
}
