//! The block formats of GGUF files and what their bytes mean.

use half::f16;

/// How the numbers of a tensor are stored in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    F32,
    F16,
    Bf16,
    /// 32 numbers: scale, 4-bit codes; `d(q - 8)`.
    Q4_0,
    /// 32 numbers: scale, minimum, 4-bit codes; `d·q + m`.
    Q4_1,
    /// 32 numbers: scale, 5-bit codes; `d(q - 16)`.
    Q5_0,
    /// 32 numbers: scale, minimum, 5-bit codes; `d·q + m`.
    Q5_1,
    /// 32 numbers: scale, signed bytes; `d·q`.
    Q8_0,
    /// As `Q8_0`, with a sum that products do not need.
    Q8_1,
    /// 256 numbers in 16 groups with 4-bit scales and minima, 2-bit codes.
    Q2K,
    /// 256 numbers in 16 groups with 6-bit scales, 3-bit codes.
    Q3K,
    /// 256 numbers in 8 groups with 6-bit scales and minima, 4-bit codes.
    Q4K,
    /// 256 numbers in 8 groups with 6-bit scales and minima, 5-bit codes.
    Q5K,
    /// 256 numbers in 16 groups with 8-bit scales, 6-bit codes.
    Q6K,
}

impl Format {
    /// The format with this number in a GGUF tensor header (`ggml_type`), if it is one of ours.
    pub fn from_ggml(id: u32) -> Option<Format> {
        Some(match id {
            0 => Format::F32,
            1 => Format::F16,
            2 => Format::Q4_0,
            3 => Format::Q4_1,
            6 => Format::Q5_0,
            7 => Format::Q5_1,
            8 => Format::Q8_0,
            9 => Format::Q8_1,
            10 => Format::Q2K,
            11 => Format::Q3K,
            12 => Format::Q4K,
            13 => Format::Q5K,
            14 => Format::Q6K,
            30 => Format::Bf16,
            _ => return None,
        })
    }

    /// Numbers of a block; a row is a whole number of blocks.
    pub fn block_len(self) -> usize {
        match self {
            Format::F32 | Format::F16 | Format::Bf16 => 1,
            Format::Q4_0 | Format::Q4_1 | Format::Q5_0 | Format::Q5_1 | Format::Q8_0 | Format::Q8_1 => 32,
            Format::Q2K | Format::Q3K | Format::Q4K | Format::Q5K | Format::Q6K => 256,
        }
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Format::F32 => 4,
            Format::F16 | Format::Bf16 => 2,
            Format::Q4_0 => 18,
            Format::Q4_1 => 20,
            Format::Q5_0 => 22,
            Format::Q5_1 => 24,
            Format::Q8_0 => 34,
            Format::Q8_1 => 36,
            Format::Q2K => 84,
            Format::Q3K => 110,
            Format::Q4K => 144,
            Format::Q5K => 176,
            Format::Q6K => 210,
        }
    }

    /// Bytes of `n` numbers, a whole number of blocks.
    pub fn n_bytes(self, n: usize) -> usize {
        n / self.block_len() * self.block_bytes()
    }
}

/// A block taken apart: number `i` is `d · scales[g] · (codes[i] - offset) + m · minima[g]` for its group `g`.
pub(super) struct Block {
    /// Unsigned, below `2^bits` of the format's [`Shape`](super::matrix::Shape).
    pub codes: [u8; 256],
    pub d: f16,
    /// To be added: positive in the legacy formats, the negated `dmin` in the others.
    pub m: f16,
    /// Of each group of 16 or 32; one for the legacy formats.
    pub scales: [i8; 16],
    pub minima: [u8; 16],
}

fn read_f16(bytes: &[u8], at: usize) -> f16 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Takes a block of a quantised format apart.
///
/// The layouts are ggml's (`ggml-common.h`, `ggml-quants.c`).
pub(super) fn unpack(format: Format, bytes: &[u8]) -> Block {
    let mut block = Block { codes: [0; 256], d: f16::ZERO, m: f16::ZERO, scales: [1; 16], minima: [1; 16] };
    let codes = &mut block.codes;
    match format {
        Format::F32 | Format::F16 | Format::Bf16 => unreachable!("not a block format"),
        Format::Q4_0 | Format::Q4_1 | Format::Q5_0 | Format::Q5_1 => {
            block.d = read_f16(bytes, 0);
            let mut at = 2;
            if matches!(format, Format::Q4_1 | Format::Q5_1) {
                block.m = read_f16(bytes, at);
                at += 2;
            }
            let mut high = 0;
            if matches!(format, Format::Q5_0 | Format::Q5_1) {
                high = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
                at += 4;
            }
            for (i, &byte) in bytes[at..at + 16].iter().enumerate() {
                codes[i] = (byte & 15) | ((high >> i & 1) as u8) << 4;
                codes[i + 16] = byte >> 4 | ((high >> (i + 16) & 1) as u8) << 4;
            }
        }
        Format::Q8_0 | Format::Q8_1 => {
            block.d = read_f16(bytes, 0);
            let at = if format == Format::Q8_0 { 2 } else { 4 };
            for (code, &byte) in codes.iter_mut().zip(&bytes[at..at + 32]) {
                *code = byte ^ 0x80;
            }
        }
        Format::Q2K => {
            let (scales, bytes) = bytes.split_at(16);
            for g in 0..16 {
                block.scales[g] = (scales[g] & 15) as i8;
                block.minima[g] = scales[g] >> 4;
            }
            for (i, code) in codes.iter_mut().enumerate() {
                // Halves of 128 share 32 bytes; each 32 of a half take the next two bits.
                *code = bytes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
            }
            block.d = read_f16(bytes, 64);
            block.m = -read_f16(bytes, 66);
        }
        Format::Q3K => {
            let (high, bytes) = bytes.split_at(32);
            let (low, scales) = bytes.split_at(64);
            for (i, code) in codes.iter_mut().enumerate() {
                let low = low[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
                *code = low | (high[i % 32] >> (i / 32) & 1) << 2;
            }
            for g in 0..16 {
                let low = scales[g % 8] >> (g / 8 * 4) & 15;
                let high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
                block.scales[g] = (low | high << 4) as i8 - 32;
            }
            block.d = read_f16(scales, 12);
        }
        Format::Q4K | Format::Q5K => {
            block.d = read_f16(bytes, 0);
            block.m = -read_f16(bytes, 2);
            let packed = &bytes[4..16];
            for g in 0..8 {
                let (scale, minimum) = if g < 4 {
                    (packed[g] & 63, packed[g + 4] & 63)
                } else {
                    (packed[g + 4] & 15 | packed[g - 4] >> 6 << 4, packed[g + 4] >> 4 | packed[g] >> 6 << 4)
                };
                block.scales[g] = scale as i8;
                block.minima[g] = minimum;
            }
            let five = format == Format::Q5K;
            let (high, low) = bytes[16..].split_at(if five { 32 } else { 0 });
            for (i, code) in codes.iter_mut().enumerate() {
                // 64 numbers share 32 bytes: the low nibbles, then the high ones.
                *code = low[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
                if five {
                    *code |= (high[i % 32] >> (i / 32) & 1) << 4;
                }
            }
        }
        Format::Q6K => {
            let (low, high) = bytes.split_at(128);
            for (i, code) in codes.iter_mut().enumerate() {
                // In each 128: 64 bytes hold the low nibbles of two 64s, 32 bytes the two high bits of four 32s.
                let (half, j) = (i / 128, i % 128);
                let low = low[half * 64 + j % 64] >> (j / 64 * 4) & 15;
                *code = low | (high[half * 32 + j % 32] >> (j / 32 * 2) & 3) << 4;
            }
            for g in 0..16 {
                block.scales[g] = high[64 + g] as i8;
            }
            block.d = read_f16(high, 80);
        }
    }
    block
}
