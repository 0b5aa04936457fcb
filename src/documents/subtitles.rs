//! WebVTT and SubRip: what is said, and by whom where the file says it; the times are of no use to a reader.

use super::markdown::one_line;

pub fn extract(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<(Option<String>, String)> = Vec::new();
    for block in text.split("\n\n") {
        let mut said = block.lines().skip_while(|line| !line.contains("-->"));
        // no times: a header, a note, a style
        if said.next().is_none() {
            continue;
        }
        let said = said.collect::<Vec<_>>().join("\n");
        for (speaker, words) in voices(&said) {
            match lines.last_mut() {
                // a speaker goes on; players repeat a line to let it scroll
                Some((last, text)) if *last == speaker && speaker.is_some() => {
                    if !text.ends_with(&words) {
                        text.push(' ');
                        text.push_str(&words);
                    }
                }
                Some((last, text)) if *last == speaker && *text == words => {}
                _ => lines.push((speaker, words)),
            }
        }
    }
    let lines = lines.into_iter().map(|(speaker, words)| match speaker {
        Some(speaker) => format!("{speaker}: {words}"),
        None => words,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `<v Roger>Hello</v><v Ann>Hi` in its parts; other tags go.
fn voices(said: &str) -> Vec<(Option<String>, String)> {
    let mut voices: Vec<(Option<String>, String)> = vec![(None, String::new())];
    let mut rest = said;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        push(&mut voices, &rest[..start]);
        let tag = &rest[start + 1..start + length];
        if let Some((kind, name)) = tag.split_once(char::is_whitespace)
            && (kind == "v" || kind.starts_with("v."))
        {
            voices.push((Some(one_line(name)), String::new()));
        }
        rest = &rest[start + length + 1..];
    }
    push(&mut voices, rest);
    voices.into_iter().map(|(speaker, words)| (speaker, one_line(&words))).filter(|(_, words)| !words.is_empty()).collect()
}

fn push(voices: &mut [(Option<String>, String)], words: &str) {
    if let Some((_, text)) = voices.last_mut() {
        text.push_str(&words.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_kept() {
        for (file, expected) in [
            (
                "WEBVTT - title\r\n\r\nNOTE nothing\r\n\r\n1\r\n00:01.000 --> 00:02.000 align:start\r\n<v Roger Bingham>We are in\r\n<i>New York</i>\r\n\r\n00:03.000 --> 00:04.000\r\n<v Roger Bingham>City\r\n\r\n00:05.000 --> 00:06.000\r\n<v.loud Neil>A &amp; B</v>",
                "Roger Bingham: We are in New York City\nNeil: A & B",
            ),
            ("1\n00:00:01,000 --> 00:00:02,000\nOne\nline\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo 3 < 4\n", "One line\nTwo 3 < 4"),
            ("WEBVTT\n\n00:01.000 --> 00:02.000\nSame\n\n00:02.000 --> 00:03.000\nSame\n", "Same"),
            ("", ""),
        ] {
            assert_eq!(extract(file), expected);
        }
    }
}
