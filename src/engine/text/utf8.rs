//! Bytes to whole characters.

/// Cuts a stream of bytes into whole UTF-8 characters. Bytes that can't become a character turn into U+FFFD.
#[derive(Debug, Default)]
pub struct Utf8Stream {
    /// The beginning of a character, at most 3 bytes.
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Appends the characters that `bytes` completes to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        if self.pending.is_empty()
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            out.push_str(text);
            return;
        }
        self.pending.extend_from_slice(bytes);
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(text);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    out.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    let Some(bad) = error.error_len() else { break };
                    out.push('\u{fffd}');
                    rest = &rest[bad..];
                }
            }
        }
        let n_done = self.pending.len() - rest.len();
        self.pending.drain(..n_done);
    }

    /// No more bytes come: what is left was no character.
    pub fn finish(&mut self, out: &mut String) {
        if !self.pending.is_empty() {
            self.pending.clear();
            out.push('\u{fffd}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_out_whole_however_the_bytes_are_cut() {
        let text = "naïve 图 😀 end";
        for cut in 1..5 {
            let (mut stream, mut out) = (Utf8Stream::default(), String::new());
            for chunk in text.as_bytes().chunks(cut) {
                stream.push(chunk, &mut out);
                assert!(text.starts_with(&out));
            }
            stream.finish(&mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn broken_bytes_become_one_replacement_each() {
        let (mut stream, mut out) = (Utf8Stream::default(), String::new());
        for byte in *b"a\xff\xe5\x9bz\xf0\x9f" {
            stream.push(&[byte], &mut out);
        }
        stream.finish(&mut out);
        assert_eq!(out, "a\u{fffd}\u{fffd}z\u{fffd}");
    }
}
