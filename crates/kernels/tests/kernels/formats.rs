//! Every block format against a plain reading of ggml's `dequantize_row_*`.

use ashlar_kernels::quant::{Format, QMatrix};
use half::f16;

use crate::Random;

pub const BLOCK_FORMATS: [Format; 11] = [
    Format::Q4_0,
    Format::Q4_1,
    Format::Q5_0,
    Format::Q5_1,
    Format::Q8_0,
    Format::Q8_1,
    Format::Q2K,
    Format::Q3K,
    Format::Q4K,
    Format::Q5K,
    Format::Q6K,
];

/// Random bytes with sensible scales: `[n, k]` weights of a size that models have.
pub fn random_weights(random: &mut Random, format: Format, n: usize, k: usize) -> Vec<u8> {
    let mut bytes = (0..format.n_bytes(n * k)).map(|_| random.bits() as u8).collect::<Vec<_>>();
    // Where the halves of a block lie.
    let halves: &[usize] = match format {
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => &[0],
        Format::Q4_1 | Format::Q5_1 | Format::Q8_1 | Format::Q4K | Format::Q5K => &[0, 2],
        Format::Q2K => &[80, 82],
        Format::Q3K => &[108],
        Format::Q6K => &[208],
        Format::F32 | Format::F16 | Format::Bf16 => &[],
    };
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        for &at in halves {
            let d = f16::from_f32(random.normal() * 0.01);
            block[at..at + 2].copy_from_slice(&d.to_le_bytes());
        }
    }
    bytes
}

fn half(b: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([b[at], b[at + 1]]).to_f32()
}

/// The numbers of a row.
pub fn reference(format: Format, bytes: &[u8]) -> Vec<f32> {
    let mut y = Vec::new();
    for b in bytes.chunks_exact(format.block_bytes()) {
        match format {
            Format::Q4_0 => {
                y.extend((0..16).map(|j| half(b, 0) * (i32::from(b[2 + j] & 0xf) - 8) as f32));
                y.extend((0..16).map(|j| half(b, 0) * (i32::from(b[2 + j] >> 4) - 8) as f32));
            }
            Format::Q4_1 => {
                let (d, m) = (half(b, 0), half(b, 2));
                y.extend((0..16).map(|j| d * f32::from(b[4 + j] & 0xf) + m));
                y.extend((0..16).map(|j| d * f32::from(b[4 + j] >> 4) + m));
            }
            Format::Q5_0 => {
                let qh = u32::from_le_bytes(b[2..6].try_into().unwrap());
                let high = |j: usize| ((qh >> j) << 4) as u8 & 0x10;
                y.extend((0..16).map(|j| half(b, 0) * (i32::from(b[6 + j] & 0xf | high(j)) - 16) as f32));
                y.extend((0..16).map(|j| half(b, 0) * (i32::from(b[6 + j] >> 4 | high(j + 16)) - 16) as f32));
            }
            Format::Q5_1 => {
                let (d, m) = (half(b, 0), half(b, 2));
                let qh = u32::from_le_bytes(b[4..8].try_into().unwrap());
                let high = |j: usize| ((qh >> j) << 4) as u8 & 0x10;
                y.extend((0..16).map(|j| d * f32::from(b[8 + j] & 0xf | high(j)) + m));
                y.extend((0..16).map(|j| d * f32::from(b[8 + j] >> 4 | high(j + 16)) + m));
            }
            Format::Q8_0 => y.extend((0..32).map(|j| half(b, 0) * f32::from(b[2 + j] as i8))),
            Format::Q8_1 => y.extend((0..32).map(|j| half(b, 0) * f32::from(b[4 + j] as i8))),
            Format::Q2K => {
                let (d, min) = (half(b, 80), half(b, 82));
                let mut is = 0;
                for n in 0..2 {
                    let q = &b[16 + 32 * n..];
                    for shift in [0, 2, 4, 6] {
                        for part in 0..2 {
                            let sc = b[is];
                            is += 1;
                            let (dl, ml) = (d * f32::from(sc & 0xf), min * f32::from(sc >> 4));
                            y.extend((0..16).map(|l| dl * f32::from(q[16 * part + l] >> shift & 3) - ml));
                        }
                    }
                }
            }
            Format::Q3K => {
                let (hm, q, sc, d) = (&b[..32], &b[32..96], &b[96..108], half(b, 108));
                let word = |i: usize| u32::from_le_bytes(sc[4 * i..4 * i + 4].try_into().unwrap());
                let (a0, a1, tmp) = (word(0), word(1), word(2));
                let (k1, k2) = (0x0303_0303u32, 0x0f0f_0f0fu32);
                let words = [
                    a0 & k2 | (tmp & k1) << 4,
                    a1 & k2 | (tmp >> 2 & k1) << 4,
                    a0 >> 4 & k2 | (tmp >> 4 & k1) << 4,
                    a1 >> 4 & k2 | (tmp >> 6 & k1) << 4,
                ];
                let scales = words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
                let (mut is, mut m) = (0, 1u8);
                for n in 0..2 {
                    let q = &q[32 * n..];
                    for shift in [0, 2, 4, 6] {
                        for part in 0..2 {
                            let dl = d * (f32::from(scales[is]) - 32.0);
                            is += 1;
                            for l in 16 * part..16 * part + 16 {
                                let low = i32::from(q[l] >> shift & 3);
                                let high = if hm[l] & m == 0 { 4 } else { 0 };
                                y.push(dl * (low - high) as f32);
                            }
                        }
                        m = m.wrapping_shl(1);
                    }
                }
            }
            Format::Q4K | Format::Q5K => {
                let (d, min, s) = (half(b, 0), half(b, 2), &b[4..16]);
                let five = format == Format::Q5K;
                let qs = if five { &b[48..] } else { &b[16..] };
                let scale_min = |j: usize| {
                    if j < 4 {
                        (s[j] & 63, s[j + 4] & 63)
                    } else {
                        (s[j + 4] & 0xf | (s[j - 4] >> 6) << 4, s[j + 4] >> 4 | (s[j] >> 6) << 4)
                    }
                };
                for j in 0..4 {
                    let q = &qs[32 * j..32 * j + 32];
                    for nibble in 0..2 {
                        let (sc, m) = scale_min(2 * j + nibble);
                        let (d, m) = (d * f32::from(sc), min * f32::from(m));
                        for l in 0..32 {
                            let mut code = q[l] >> (4 * nibble) & 0xf;
                            if five && b[16 + l] >> (2 * j + nibble) & 1 == 1 {
                                code += 16;
                            }
                            y.push(d * f32::from(code) - m);
                        }
                    }
                }
            }
            Format::Q6K => {
                let d = half(b, 208);
                for n in 0..2 {
                    let (ql, qh) = (&b[64 * n..64 * n + 64], &b[128 + 32 * n..]);
                    let sc = &b[192 + 8 * n..];
                    let mut part = [0.0; 128];
                    for l in 0..32 {
                        let is = l / 16;
                        let q = [
                            ql[l] & 0xf | (qh[l] & 3) << 4,
                            ql[l + 32] & 0xf | (qh[l] >> 2 & 3) << 4,
                            ql[l] >> 4 | (qh[l] >> 4 & 3) << 4,
                            ql[l + 32] >> 4 | (qh[l] >> 6 & 3) << 4,
                        ];
                        for (i, q) in q.into_iter().enumerate() {
                            let scale = f32::from(sc[is + 2 * i] as i8);
                            part[l + 32 * i] = d * scale * (i32::from(q) - 32) as f32;
                        }
                    }
                    y.extend(part);
                }
            }
            Format::F32 | Format::F16 | Format::Bf16 => unreachable!(),
        }
    }
    y
}

#[test]
fn rows_are_those_of_the_file() {
    let mut random = Random::new(1);
    for format in BLOCK_FORMATS {
        for (n, blocks) in [(1, 1), (16, 2), (37, 3)] {
            let k = blocks * format.block_len();
            let bytes = random_weights(&mut random, format, n, k);
            let matrix = QMatrix::from_gguf(format, &bytes, n, k).unwrap();
            let mut row = vec![0.0; k];
            for (i, bytes) in bytes.chunks_exact(format.n_bytes(k)).enumerate() {
                matrix.read_row(i, &mut row);
                assert_eq!(row, reference(format, bytes), "{format:?}, row {i}");
            }
        }
    }
}

#[test]
fn sizes_are_checked() {
    assert!(QMatrix::from_gguf(Format::Q4_1, &[0; 20], 1, 32).is_some());
    assert!(QMatrix::from_gguf(Format::Q4_1, &[0; 19], 1, 32).is_none());
    assert!(QMatrix::from_gguf(Format::Q4_1, &[0; 20], 1, 33).is_none());
    assert!(QMatrix::from_gguf(Format::Q4K, &[0; 144], 1, 32).is_none());
    assert!(QMatrix::from_gguf(Format::F32, &[0; 4], 1, 1).is_none());
    assert!(QMatrix::from_gguf(Format::Q8_0, &[], usize::MAX, 64).is_none());
}
