//! Reading server-sent events, whatever the chunks they come in.

/// Bytes in, the `data` of whole events out. Comments, ids and event names are skipped.
#[derive(Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    data: String,
    has_data: bool,
    after_cr: bool,
    /// Bytes kept for the event that is not whole yet.
    size: usize,
}

/// One event may have this many bytes; a provider that sends more is broken.
const MAX_EVENT_BYTES: usize = 16 << 20;

#[derive(Debug, PartialEq)]
pub(super) struct TooLarge;

impl Parser {
    /// The events that `chunk` completes.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<String>, TooLarge> {
        let mut events = Vec::new();
        for &byte in chunk {
            // a line ends with \n, \r or \r\n
            if byte == b'\n' && std::mem::take(&mut self.after_cr) {
                continue;
            }
            self.after_cr = byte == b'\r';
            if byte == b'\n' || byte == b'\r' {
                self.end_line(&mut events);
            } else {
                self.line.push(byte);
                self.size += 1;
                if self.size > MAX_EVENT_BYTES {
                    return Err(TooLarge);
                }
            }
        }
        Ok(events)
    }

    /// What stands unfinished when the stream ends; providers forget the last blank line.
    pub(super) fn finish(mut self) -> Option<String> {
        let mut events = Vec::new();
        self.end_line(&mut events);
        self.end_line(&mut events);
        events.pop()
    }

    fn end_line(&mut self, events: &mut Vec<String>) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                events.push(std::mem::take(&mut self.data));
            }
            self.size = 0;
            return;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}');
        let Some(value) = text.strip_prefix("data:") else { return };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push('\n');
        }
        self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> Vec<String> {
        let mut parser = Parser::default();
        let mut events = parser.push(text.as_bytes()).unwrap();
        events.extend(parser.finish());
        events
    }

    #[test]
    fn reads_what_providers_send() {
        assert_eq!(whole("data: a\n\ndata: b\n\n"), ["a", "b"]);
        assert_eq!(whole("data:a\r\n\r\ndata: b\r\n\r\n"), ["a", "b"], "CRLF, no space");
        assert_eq!(whole("data: a\r\rdata: b\r\r"), ["a", "b"], "CR alone");
        assert_eq!(whole(": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n"), ["a"], "comments and other fields");
        assert_eq!(whole("\u{feff}data: a\ndata: b\n\n\n\n"), ["a\nb"], "BOM, two lines, spare blanks");
        assert_eq!(whole("data: a\n\ndata: [DONE]"), ["a", "[DONE]"], "no last newline");
        assert_eq!(whole("data\n\n:\n\n"), [""; 0]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 20];
        assert!((0..17).any(|_| parser.push(&chunk) == Err(TooLarge)));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(cuts in prop::collection::vec(0usize..200, 0..12), crlf in any::<bool>()) {
            let text = "data: {\"text\": \"\u{4f60}\u{597d} \u{1f600}\"}\n\n: keep-alive\n\ndata: two\ndata: lines\n\ndata: [DONE]\n\n";
            let text = if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for pair in cuts.windows(2) {
                events.extend(parser.push(&text.as_bytes()[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(events, ["{\"text\": \"\u{4f60}\u{597d} \u{1f600}\"}", "two\nlines", "[DONE]"]);
        }
    }
}
