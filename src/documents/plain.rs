//! Bytes → text, whatever the encoding: by its mark, as UTF-8, as UTF-16 without a mark, else by what its letters are like.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::Problem;

/// So much of a file tells its encoding.
const SAMPLE: usize = 1 << 20;

pub fn decode(bytes: &[u8]) -> Result<String, Problem> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return Ok(encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned());
    }
    if let Some(encoding) = utf16(bytes) {
        return Ok(encoding.decode_without_bom_handling(bytes).0.into_owned());
    }
    if !is_text(bytes) {
        return Err(Problem::Unsupported);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Ok(by_letters(bytes).into_owned()),
    }
}

fn by_letters(bytes: &[u8]) -> Cow<'_, str> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(SAMPLE)], bytes.len() <= SAMPLE);
    // a file that is UTF-8 but for a few damaged bytes stays UTF-8
    let (encoding, _) = (detector.guess(None, Utf8Detection::Allow), ());
    encoding.decode_without_bom_handling(bytes).0
}

/// No NUL and hardly a control character. UTF-16 is text too.
pub fn is_text(bytes: &[u8]) -> bool {
    if Encoding::for_bom(bytes).is_some() || utf16(bytes).is_some() {
        return true;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let control =
        sample.iter().filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1b)).count();
    !sample.contains(&0) && control * 100 <= sample.len()
}

/// Western and much other text in UTF-16 has a zero in every other byte.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(4096) / 2 * 2];
    if sample.len() < 4 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let most = sample.len() / 2 * 2 / 5;
    match (even > most, odd > most) {
        (false, true) if even == 0 => Some(UTF_16LE),
        (true, false) if odd == 0 => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_KR, GBK, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodings_are_found() {
        for (encoding, text) in [
            (GBK, "中文编码的检测需要一些文字,这样才能知道这是什么编码。"),
            (BIG5, "繁體中文的編碼需要一些文字,這樣才能知道這是什麼編碼。"),
            (SHIFT_JIS, "日本語の文字コードを判定するには、ある程度の長さの文章が必要です。"),
            (EUC_KR, "한국어 문자 인코딩을 판별하려면 어느 정도의 글이 필요합니다."),
            (WINDOWS_1251, "Чтобы определить кодировку, нужен текст некоторой длины."),
            (WINDOWS_1252, "Größere Äpfel kosten fünf Euro, kleinere natürlich weniger."),
        ] {
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable);
            assert_eq!(decode(&bytes).unwrap(), text, "{}", encoding.name());
        }
        let utf16 = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for (bytes, expected) in [
            (b"\xef\xbb\xbfmarked".to_vec(), "marked"),
            ([b"\xff\xfe".to_vec(), utf16("中文", u16::to_le_bytes)].concat(), "中文"),
            ([b"\xfe\xff".to_vec(), utf16("中文", u16::to_be_bytes)].concat(), "中文"),
            (utf16("no mark at all", u16::to_le_bytes), "no mark at all"),
            (utf16("no mark at all", u16::to_be_bytes), "no mark at all"),
            ("naïve ✓".into(), "naïve ✓"),
        ] {
            assert_eq!(decode(&bytes).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bytes in [&b"\x7fELF\x02\x01\x01\0\0\0\0\0"[..], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &[1, 2, 3, 4, 5, 6, 7]] {
            assert_eq!(decode(bytes), Err(Problem::Unsupported));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }
    }
}
