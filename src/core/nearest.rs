//! What somebody probably meant who wrote a name that is not known.

/// The known name that is nearest by edits, without regard to case; absent where none is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::levenshtein(&name, &known.to_lowercase());
    let best = known.into_iter().map(|known| (distance(known), known)).min()?;
    Some(best)
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 4))
        .map(|(_, known)| known)
}
