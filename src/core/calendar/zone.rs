//! Time zones, of the database that is built in: every operator and every command line reads the same one, also in
//! an image that holds nothing else.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::core::nearest::nearest;

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The name of every time zone.
pub fn names() -> impl Iterator<Item = String> {
    BUNDLED.available().map(|name| name.to_string())
}

/// The time zone of that IANA name, written as it is there.
///
/// # Errors
/// With what is wrong with the name and what to write.
pub fn find(name: &str) -> Result<TimeZone, String> {
    if BUNDLED.available().any(|known| known.as_str() == name) {
        return BUNDLED.get(name).map_err(|error| error.to_string());
    }
    let advice = meant(name).map_or_else(
        || "write one such as UTC, Europe/London or America/New_York".to_owned(),
        |known| format!("did you mean {known}?"),
    );
    Err(format!("{name:?} is no time zone of the IANA database: {advice}"))
}

/// The zone that was probably meant: one of that name or city in other letters, else one that is spelt nearly so.
/// Short names are not guessed, as `PST` is nearer to `EST` than to where it is used; nor is `GMT+2`, which is
/// called `Etc/GMT-2`.
fn meant(name: &str) -> Option<String> {
    let known: Vec<String> = names().collect();
    let name = name.trim().replace(' ', "_");
    let is_name = |known: &&String| known.eq_ignore_ascii_case(&name);
    let is_city = |known: &&String| {
        let city = known.rsplit_once('/').filter(|(region, _)| *region != "Etc");
        city.is_some_and(|(_, city)| city.eq_ignore_ascii_case(&name))
    };
    let same = known.iter().find(is_name).or_else(|| known.iter().find(is_city)).cloned();
    let near = || nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
    same.or_else(|| near().filter(|_| name.contains('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_alone_and_another_name_is_told_what_to_write() {
        for name in ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT-14"] {
            assert_eq!(find(name).unwrap().iana_name(), Some(name));
        }
        let other = "write one such as UTC, Europe/London or America/New_York";
        for (name, advice) in [
            ("Europe/Lodnon", "did you mean Europe/London?"),
            ("europe/london", "did you mean Europe/London?"),
            ("London", "did you mean Europe/London?"),
            ("America/New York", "did you mean America/New_York?"),
            ("utc", "did you mean UTC?"),
            ("Rome", "did you mean Europe/Rome?"),
            ("GMT+2", other),
            ("PST", other),
            ("+02:00", other),
            ("", other),
        ] {
            let told = format!("{name:?} is no time zone of the IANA database: {advice}");
            assert_eq!(find(name).unwrap_err(), told);
        }
    }
}
