//! Which ids are codes of pictures and which mark their begin and end: from the names in the configuration's
//! `vocabulary_map`, never from an assumed order.

use std::collections::HashMap;

use crate::engine::weights::{Checkpoint, LoadError};

const CODE_PREFIX: &str = "IMGIMG";
const BEGIN: &str = "<racm3:break>";
const END: &str = "<eoss>";
const PLACEHOLDER: &str = "<image>";
/// Between the turns of a conversation.
pub const END_OF_TURN: &str = "<reserved08706>";

#[derive(Debug)]
pub struct Vocabulary {
    pub bos: u32,
    pub begin_image: u32,
    pub end_image: u32,
    /// What the chat template writes once for each picture.
    pub placeholder: u32,
    pub end_of_turn: Option<u32>,
    /// Id by code.
    ids: Vec<u32>,
    codes: HashMap<u32, u32>,
    /// Ids that stand for nothing a person could read.
    unwritten: Vec<u32>,
}

impl Vocabulary {
    pub fn read(checkpoint: &Checkpoint, n_codes: usize, vocab_size: usize) -> Result<Self, LoadError> {
        let fields = checkpoint.fields();
        let wrong = |why: String| fields.error("vocabulary_map", why);
        let map = fields.value("vocabulary_map").as_object().ok_or_else(|| wrong("expected a map from name to id".into()))?;
        let mut by_name = HashMap::new();
        for (name, id) in map {
            let id = id.as_u64().filter(|id| *id < vocab_size as u64);
            by_name.insert(name.as_str(), id.ok_or_else(|| wrong(format!("`{name}` has no id of the vocabulary")))? as u32);
        }
        let find = |name: &str| by_name.get(name).copied().ok_or_else(|| wrong(format!("`{name}` is missing")));

        let mut ids = vec![None; n_codes];
        for (name, id) in &by_name {
            let Some(rest) = name.strip_prefix(CODE_PREFIX) else { continue };
            let code = code(rest).filter(|code| *code < n_codes).ok_or_else(|| wrong(format!("`{name}` is no code below {n_codes}")))?;
            if ids[code].replace(*id).is_some() {
                return Err(wrong(format!("two names stand for code {code}")));
            }
        }
        let ids: Option<Vec<u32>> = ids.into_iter().collect();
        let ids = ids.ok_or_else(|| wrong(format!("not every code below {n_codes} has a name")))?;
        let codes: HashMap<u32, u32> = ids.iter().zip(0..).map(|(id, code)| (*id, code)).collect();
        if codes.len() != n_codes {
            return Err(wrong("two codes have the same id".into()));
        }
        let end_of_turn = by_name.get(END_OF_TURN).copied();
        let is_unwritten = |name: &str| matches!(name, "<s>" | "<pad>" | "<unk>") || (name.starts_with("<reserved") && name != END_OF_TURN);
        Ok(Self {
            bos: find("<s>")?,
            begin_image: find(BEGIN)?,
            end_image: find(END)?,
            placeholder: find(PLACEHOLDER)?,
            end_of_turn,
            codes,
            ids,
            unwritten: by_name.iter().filter(|(name, _)| is_unwritten(name)).map(|(_, id)| *id).collect(),
        })
    }

    pub fn code(&self, id: u32) -> Option<u32> {
        self.codes.get(&id).copied()
    }

    pub fn id(&self, code: u32) -> u32 {
        self.ids[code as usize]
    }

    /// Ids of all codes, by code.
    pub fn code_ids(&self) -> &[u32] {
        &self.ids
    }

    /// Ids that no text holds: codes, marks around pictures, reserved names.
    pub fn not_text(&self) -> impl Iterator<Item = u32> {
        let marks = [self.begin_image, self.end_image, self.placeholder];
        self.ids.iter().chain(&self.unwritten).copied().chain(marks)
    }
}

/// `BCDZ` is 123: letters A to J are digits, the last character ends the number.
fn code(name: &str) -> Option<usize> {
    let mut letters = name.chars();
    letters.next_back()?;
    let digits: Option<String> = letters.map(|c| if c.is_ascii_digit() { Some(c) } else { letter_digit(c) }).collect();
    digits?.parse().ok()
}

fn letter_digit(letter: char) -> Option<char> {
    let digit = u32::from(letter).checked_sub(u32::from('A'))?;
    char::from_digit(digit, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_codes_are_numbers_in_letters() {
        assert_eq!(code("AZ"), Some(0));
        assert_eq!(code("BCDZ"), Some(123));
        assert_eq!(code("IBJBZ"), Some(8191));
        assert_eq!(code("Z"), None);
        assert_eq!(code("KZ"), None);
        assert_eq!(code(""), None);
    }
}
