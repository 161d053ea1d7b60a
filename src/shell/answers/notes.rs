//! Leaves out of objects, as JSON that comes in pieces, the notes that others may make long and nobody here reads.

/// What is kept of the metadata of each object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Only those fields are kept, beside `managedFields`; `None` for all of them.
    pub fields: Option<&'static [&'static str]>,
    /// Who wrote which field when is kept up to so many bytes.
    pub managed_fields: usize,
}

/// A container whose keys are looked at; every other value is kept or dropped as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// An answer: an object, a list of them, or an event of a watch, of which there can be many.
    Whole,
    /// The objects of a list.
    Items,
    /// An object of a list or of an event.
    Object,
    Metadata,
}

/// A container that is open, and whether anything in it was kept.
struct Open {
    place: Place,
    has_members: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
    /// Kept if it is not too long.
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before an answer.
    Outside,
    /// In what is no JSON object: all of it is kept.
    Foreign,
    /// Before a member of the innermost open container, or its end.
    Member,
    Key(Text),
    Colon(Fate, Option<Place>),
    /// Before the value of a key.
    Value(Fate, Option<Place>),
    /// In a value, that many containers deep.
    Inside {
        fate: Fate,
        depth: usize,
        text: Text,
    },
}

/// Whether a byte stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    No,
    Yes,
    /// After a backslash.
    Escaped,
}

impl Text {
    /// After that byte.
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Yes, b'\\') => Self::Escaped,
            (Self::Escaped, _) | (Self::No, b'"') => Self::Yes,
            (Self::Yes, b'"') => Self::No,
            (same, _) => same,
        }
    }
}

/// Reads answers as the API server writes them, which it does without a space, and gives what is kept.
pub struct Notes {
    kept: Kept,
    state: State,
    open: Vec<Open>,
    key: Vec<u8>,
    held: Vec<u8>,
}

impl Notes {
    pub const fn new(kept: Kept) -> Self {
        Self { kept, state: State::Outside, open: Vec::new(), key: Vec::new(), held: Vec::new() }
    }

    /// What is kept of these bytes, which go on where the ones before ended.
    pub fn strip(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.step(*byte, &mut out);
        }
        out
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Outside if byte == b'{' => self.enter(Place::Whole, byte, out),
            State::Outside => {
                out.push(byte);
                if !byte.is_ascii_whitespace() {
                    self.state = State::Foreign;
                }
            }
            State::Foreign => out.push(byte),
            State::Member => self.member(byte, out),
            State::Key(text) => match text.after(byte) {
                Text::No => {
                    let (fate, place) = self.judge();
                    self.state = State::Colon(fate, place);
                }
                after => {
                    self.key.push(byte);
                    self.state = State::Key(after);
                }
            },
            State::Colon(fate, place) => {
                self.state = State::Value(fate, place);
                self.write_key(fate, out);
            }
            State::Value(_, Some(place)) if byte == place.opening() => self.enter(place, byte, out),
            State::Value(fate, _) => self.begin(fate, byte, out),
            State::Inside { fate, depth, text } => self.inside((fate, depth, text), byte, out),
        }
    }

    fn enter(&mut self, place: Place, byte: u8, out: &mut Vec<u8>) {
        self.open.push(Open { place, has_members: false });
        self.state = State::Member;
        out.push(byte);
    }

    fn member(&mut self, byte: u8, out: &mut Vec<u8>) {
        let is_list = self.place() == Some(Place::Items);
        match byte {
            b',' => {}
            b'}' | b']' => {
                out.push(byte);
                self.open.pop();
                self.state = if self.open.is_empty() { State::Outside } else { State::Member };
            }
            b'{' if is_list => {
                self.separate(out);
                self.enter(Place::Object, byte, out);
            }
            _ if is_list => {
                self.separate(out);
                self.begin(Fate::Keep, byte, out);
            }
            b'"' => {
                self.key.clear();
                self.state = State::Key(Text::Yes);
            }
            _ => {}
        }
    }

    fn place(&self) -> Option<Place> {
        self.open.last().map(|open| open.place)
    }

    /// What becomes of the value of this key, and what is looked at in it.
    fn judge(&self) -> (Fate, Option<Place>) {
        let key = self.key.as_slice();
        match (self.place(), key) {
            (Some(Place::Whole | Place::Object), b"metadata") => {
                (Fate::Keep, Some(Place::Metadata))
            }
            (Some(Place::Whole), b"items") => (Fate::Keep, Some(Place::Items)),
            (Some(Place::Whole), b"object") => (Fate::Keep, Some(Place::Object)),
            (Some(Place::Metadata), b"managedFields") if self.kept.managed_fields > 0 => {
                (Fate::Hold, None)
            }
            (Some(Place::Metadata), b"managedFields") => (Fate::Drop, None),
            (Some(Place::Metadata), _) => {
                let fields = self.kept.fields;
                let is_kept =
                    fields.is_none_or(|fields| fields.iter().any(|field| field.as_bytes() == key));
                (if is_kept { Fate::Keep } else { Fate::Drop }, None)
            }
            _ => (Fate::Keep, None),
        }
    }

    fn write_key(&mut self, fate: Fate, out: &mut Vec<u8>) {
        let key = [b"\"", self.key.as_slice(), b"\":"].concat();
        match fate {
            Fate::Keep => {
                self.separate(out);
                out.extend(key);
            }
            Fate::Hold => self.held = key,
            Fate::Drop => {}
        }
    }

    /// Writes the comma before all members but the first.
    fn separate(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.last_mut() else { return };
        if std::mem::replace(&mut open.has_members, true) {
            out.push(b',');
        }
    }

    fn begin(&mut self, fate: Fate, byte: u8, out: &mut Vec<u8>) {
        let depth = usize::from(matches!(byte, b'{' | b'['));
        self.state = State::Inside { fate, depth, text: Text::No.after(byte) };
        self.write(fate, byte, out);
    }

    fn inside(&mut self, (fate, depth, text): (Fate, usize, Text), byte: u8, out: &mut Vec<u8>) {
        let deeper = match byte {
            b'{' | b'[' if text == Text::No => depth + 1,
            // A value ends where the next member begins, or what it stands in ends.
            b'}' | b']' | b',' if text == Text::No && depth == 0 => {
                self.end(fate, out);
                return self.member(byte, out);
            }
            b'}' | b']' if text == Text::No => depth - 1,
            _ => depth,
        };
        self.write(fate, byte, out);
        self.state = State::Inside { fate, depth: deeper, text: text.after(byte) };
    }

    fn write(&mut self, fate: Fate, byte: u8, out: &mut Vec<u8>) {
        match fate {
            Fate::Keep => out.push(byte),
            Fate::Hold if self.held.len() <= self.kept.managed_fields => self.held.push(byte),
            Fate::Hold | Fate::Drop => {}
        }
    }

    /// After a value.
    fn end(&mut self, fate: Fate, out: &mut Vec<u8>) {
        self.state = State::Member;
        let held = std::mem::take(&mut self.held);
        if fate == Fate::Hold && held.len() <= self.kept.managed_fields {
            self.separate(out);
            out.extend(held);
        }
    }
}

impl Place {
    const fn opening(self) -> u8 {
        if matches!(self, Self::Items) { b'[' } else { b'{' }
    }
}

#[cfg(test)]
mod tests;
