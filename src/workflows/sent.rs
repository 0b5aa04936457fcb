//! What callers were sent of a run's text, over crashes and pauses: a run that goes on makes its text again from the start,
//! and only what is new may be sent.

/// What to send for a piece of text.
#[derive(Debug, PartialEq, Eq)]
pub enum Send {
    Nothing,
    Piece(String),
    /// What was sent is void; this stands instead.
    Replace(String),
}

#[derive(Debug, Default)]
pub struct SentText {
    /// What callers have.
    text: String,
    /// While text is made again: bytes of `text` that were.
    again: Option<usize>,
    /// `text` may be less than what callers have.
    is_vague: bool,
}

impl SentText {
    /// Of a run that goes on after `text`. `is_exact`: callers have exactly this, as they have when a run paused; after a
    /// crash they may have a little more.
    pub fn after(text: String, is_exact: bool) -> Self {
        Self { again: (!text.is_empty()).then_some(0), is_vague: !is_exact, text }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn push(&mut self, piece: &str) -> Send {
        let mut piece = piece;
        if let Some(again) = self.again {
            let expected = &self.text[again..];
            if expected.len() > piece.len() && expected.starts_with(piece) {
                self.again = Some(again + piece.len());
                return Send::Nothing;
            }
            self.again = None;
            match piece.strip_prefix(expected) {
                Some("") => return Send::Nothing,
                Some(rest) => piece = rest,
                None => {
                    // it became another text
                    self.text.truncate(again);
                    self.is_vague = true;
                }
            }
        }
        self.text.push_str(piece);
        if std::mem::take(&mut self.is_vague) { Send::Replace(self.text.clone()) } else { Send::Piece(piece.to_owned()) }
    }

    /// The text is complete: less of it than was sent is another text too.
    pub fn finish(&mut self) -> Send {
        match self.again.take() {
            Some(again) if again < self.text.len() => {
                self.text.truncate(again);
                Send::Replace(self.text.clone())
            }
            _ if std::mem::take(&mut self.is_vague) && !self.text.is_empty() => Send::Replace(self.text.clone()),
            _ => Send::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(before: &str, is_exact: bool, pieces: &[&str]) -> (Vec<Send>, String) {
        let mut sent = SentText::after(before.to_owned(), is_exact);
        let mut sends: Vec<Send> = pieces.iter().map(|piece| sent.push(piece)).collect();
        sends.push(sent.finish());
        sends.retain(|send| *send != Send::Nothing);
        (sends, sent.text().to_owned())
    }

    fn piece(text: &str) -> Send {
        Send::Piece(text.to_owned())
    }

    fn replace(text: &str) -> Send {
        Send::Replace(text.to_owned())
    }

    #[test]
    fn text_is_not_sent_twice() {
        type Case = (&'static str, bool, &'static [&'static str], Vec<Send>, &'static str);
        let cases: [Case; 9] = [
            ("", true, &["a", "b"], vec![piece("a"), piece("b")], "ab"),
            ("ab", true, &["a", "b", "c"], vec![piece("c")], "abc"),
            ("ab", true, &["abc"], vec![piece("c")], "abc"),
            ("ab", true, &["ab"], vec![], "ab"),
            // more than was saved may have reached them
            ("ab", false, &["abc", "d"], vec![replace("abc"), piece("d")], "abcd"),
            ("ab", false, &["ab"], vec![replace("ab")], "ab"),
            ("", false, &["a", "b"], vec![replace("a"), piece("b")], "ab"),
            ("ab", true, &["ax", "y"], vec![replace("ax"), piece("y")], "axy"),
            ("abc", true, &["ab"], vec![replace("ab")], "ab"),
        ];
        for (before, is_exact, pieces, sends, text) in cases {
            assert_eq!(run(before, is_exact, pieces), (sends, text.to_owned()), "{before} {pieces:?}");
        }
    }
}
