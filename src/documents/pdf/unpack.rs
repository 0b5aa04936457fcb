//! How large a PDF's streams are once unpacked, measured before the interpreter unpacks them whole. Pictures don't count: nobody
//! decodes them here, and those of a scanned book are larger than any bound that makes sense for text.

use std::io::Read;

use flate2::read::ZlibDecoder;
use hayro_interpret::hayro_syntax::object::{Name, Object, Stream};
use hayro_interpret::hayro_syntax::{Filter, Pdf};
use weezl::BitOrder;

use crate::documents::Problem;
use crate::documents::budget::Budget;

/// A dictionary before its stream is sought this far back.
const DICTIONARY: usize = 4096;

/// Everything in the file that looks like a deflated stream, before the file is opened: opening it reads its tables and the
/// streams of objects, which are such streams.
pub fn check_raw(bytes: &[u8], budget: &Budget) -> Result<(), Problem> {
    let mut total = 0;
    for found in memchr::memmem::find_iter(bytes, b"stream") {
        budget.time()?;
        let dictionary = &bytes[found.saturating_sub(DICTIONARY)..found];
        let dictionary = &dictionary[memchr::memmem::rfind(dictionary, b" obj").unwrap_or(0)..];
        if memchr::memmem::find(dictionary, b"/Image").is_some() {
            continue;
        }
        let after = &bytes[found + b"stream".len()..];
        let data = &after[after.iter().take(4).take_while(|byte| byte.is_ascii_whitespace()).count()..];
        total += count(ZlibDecoder::new(data), budget.unpacked_left(total), budget)?;
        budget.unpacked(total)?;
    }
    Ok(())
}

/// Every stream by its own filters, decrypted.
pub fn check_objects(pdf: &Pdf, budget: &Budget) -> Result<(), Problem> {
    let mut total = 0;
    for object in pdf.objects() {
        budget.time()?;
        let Object::Stream(stream) = object else { continue };
        let kind = stream.dict().get::<Name<'_>>(b"Subtype".as_slice());
        if kind.is_some_and(|kind| &*kind == b"Image") {
            continue;
        }
        total += unpacked_size(&stream, budget.unpacked_left(total), budget)?;
        budget.unpacked(total)?;
    }
    Ok(())
}

fn unpacked_size(stream: &Stream<'_>, limit: u64, budget: &Budget) -> Result<u64, Problem> {
    let filters = stream.filters();
    let mut data = stream.raw_data().into_owned();
    for (i, filter) in filters.iter().enumerate() {
        let last = i + 1 == filters.len();
        match filter {
            Filter::FlateDecode if last => return count(ZlibDecoder::new(data.as_slice()), limit, budget),
            Filter::FlateDecode => {
                let mut plain = Vec::new();
                // damaged data ends early, as it does for the interpreter
                ZlibDecoder::new(data.as_slice()).take(limit.saturating_add(1)).read_to_end(&mut plain).ok();
                data = plain;
            }
            Filter::LzwDecode => {
                let mut plain = Limited { bytes: Vec::new(), limit };
                // PDF widens its codes one early, as TIFF does
                let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
                decoder.into_stream(&mut plain).decode_all(data.as_slice()).status.ok();
                data = plain.bytes;
            }
            // two bytes become 128 at most
            Filter::RunLengthDecode => return Ok((data.len() as u64).saturating_mul(64)),
            Filter::Ascii85Decode => data = ascii85(&data),
            Filter::AsciiHexDecode => data = ascii_hex(&data),
            Filter::Crypt => {}
            // pictures are not decoded
            Filter::DctDecode | Filter::JpxDecode | Filter::Jbig2Decode | Filter::CcittFaxDecode => return Ok(0),
        }
        budget.unpacked(data.len() as u64)?;
    }
    Ok(data.len() as u64)
}

/// Bytes that come out, until they are more than the limit.
fn count(mut reader: impl Read, limit: u64, budget: &Budget) -> Result<u64, Problem> {
    let mut buffer = [0; 16 * 1024];
    let mut length = 0;
    while length <= limit {
        match reader.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read as u64,
        }
        budget.time()?;
    }
    Ok(length)
}

fn ascii85(data: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(data.len());
    let mut group = Vec::with_capacity(5);
    for byte in data {
        match byte {
            b'z' if group.is_empty() => plain.extend([0; 4]),
            b'!'..=b'u' => group.push(u32::from(byte - b'!')),
            b'~' => break,
            _ => {}
        }
        if group.len() == 5 {
            let value = group.drain(..).fold(0u32, |value, digit| value.wrapping_mul(85).wrapping_add(digit));
            plain.extend(value.to_be_bytes());
        }
    }
    if group.len() > 1 {
        let kept = group.len() - 1;
        group.resize(5, 84);
        let value = group.iter().fold(0u32, |value, digit| value.wrapping_mul(85).wrapping_add(*digit));
        plain.extend(&value.to_be_bytes()[..kept]);
    }
    plain
}

fn ascii_hex(data: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        data.iter().take_while(|byte| **byte != b'>').filter_map(|byte| (*byte as char).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

/// Keeps bytes up to the limit.
struct Limited {
    bytes: Vec<u8>,
    limit: u64,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() as u64 > self.limit { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
