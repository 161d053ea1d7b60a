//! How deep a file is nested: whoever reads it goes down by recursion, and so does each who walks it.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

use super::document::Place;

/// How many lists and mappings may lie in each other; those of a resource are fewer than 20.
pub const DEEPEST: usize = 64;

/// A list or a mapping that has not ended.
struct Open {
    anchor: usize,
    /// How many levels are below it so far.
    height: usize,
}

/// Where more than [`DEEPEST`] lie in each other, also by an alias. What is no YAML is for others to tell.
#[must_use]
pub fn too_deep(text: &str) -> Option<Place> {
    let (mut open, mut heights) = (Vec::<Open>::new(), HashMap::<usize, usize>::new());
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        let height = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push(Open { anchor, height: 0 });
                0
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let ended = open.pop()?;
                heights.insert(ended.anchor, ended.height + 1);
                ended.height + 1
            }
            Event::Alias(anchor) => heights.get(&anchor).copied().unwrap_or(0),
            _ => 0,
        };
        if open.len() + height > DEEPEST {
            let start = span.start;
            return Some(Place { line: start.line(), column: start.col() + 1, length: 1 });
        }
        if let Some(outer) = open.last_mut() {
            outer.height = outer.height.max(height);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_too_deep_is_found_however_it_is_written() {
        for (open, close) in [("- ", ""), ("? ", ""), ("[", "]"), ("{a: ", "}")] {
            let deep = |depth| format!("{}x{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(too_deep(&deep(DEEPEST)), None, "{open}");
            let place = too_deep(&deep(DEEPEST + 1)).unwrap();
            assert_eq!((place.line, place.column), (1, DEEPEST * open.len() + 1), "{open}");
        }
        assert!(too_deep(&"- ".repeat(1_000_000)).is_some());
    }

    #[test]
    fn aliases_of_aliases_are_as_deep_as_what_they_stand_for() {
        let chain = |links: usize| {
            let link = |number: usize| format!("- &a{number} [*a{}]\n", number - 1);
            let links: Vec<_> = (1..links).map(link).collect();
            format!("- &a0 [x]\n{}", links.concat())
        };
        assert_eq!(too_deep(&chain(DEEPEST - 1)), None);
        assert_eq!(too_deep(&chain(DEEPEST)).unwrap().line, DEEPEST);
    }
}
