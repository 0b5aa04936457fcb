use ashlar_kernels::dense::Matrix;
use ashlar_kernels::quant::{Format, QMatrix, QRows};
use ashlar_kernels::{Input, Linear, Pool};
use half::{bf16, f16};

use crate::formats::{BLOCK_FORMATS, random_weights};
use crate::{Random, assert_close, bits, pools};

/// `x · Wᵀ + bias`, in `f64`.
fn reference(x: &[f32], w: &[f32], bias: Option<&[f32]>, n: usize, k: usize) -> Vec<f64> {
    let mut out = Vec::new();
    for x in x.chunks_exact(k) {
        for (i, w) in w.chunks_exact(k).enumerate() {
            let dot = x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum::<f64>();
            out.push(dot + bias.map_or(0.0, |bias| f64::from(bias[i])));
        }
    }
    assert_eq!(out.len(), x.len() / k * n);
    out
}

#[test]
fn quantised_products_are_right_and_the_same_bits_everywhere() {
    let mut random = Random::new(2);
    let pools = pools();
    for format in BLOCK_FORMATS {
        for (n, k, m) in [(16, 256, 1), (61, 512, 23), (100, 256, 300)] {
            let bytes = random_weights(&mut random, format, n, k);
            let matrix = QMatrix::from_gguf(format, &bytes, n, k).unwrap();
            let mut weights = vec![0.0; n * k];
            for (i, row) in weights.chunks_exact_mut(k).enumerate() {
                matrix.read_row(i, row);
            }
            let x = random.normals(m * k);
            let bias = random.normals(n);
            let mut first = None;
            for pool in &pools {
                let mut rows = QRows::default();
                rows.quantize(pool, &x, k);
                let mut seen = vec![0.0; m * k];
                for (i, row) in seen.chunks_exact_mut(k).enumerate() {
                    rows.read_row(i, row);
                }
                let mut out = vec![f32::NAN; m * n];
                matrix.matmul(pool, &rows, Some(&bias), &mut out);
                // Against the very numbers that were multiplied: rounding only.
                let want = reference(&seen, &weights, Some(&bias), n, k);
                let absolute = |x: &[f32]| x.iter().map(|x| x.abs()).collect::<Vec<_>>();
                let size = reference(&absolute(&seen), &absolute(&weights), None, n, k);
                for ((got, want), size) in out.iter().zip(&want).zip(&size) {
                    assert!((f64::from(*got) - want).abs() <= 2e-6 * size, "{format:?}: {got}, not {want}");
                }
                let first = first.get_or_insert_with(|| out.clone());
                assert_eq!(bits(&out), bits(first), "{format:?} at {:?}", pool.level());

                // Each row alone.
                for i in 0..m.min(20) {
                    rows.quantize(pool, &x[i * k..][..k], k);
                    let mut alone = vec![f32::NAN; n];
                    matrix.matmul(pool, &rows, Some(&bias), &mut alone);
                    assert_eq!(bits(&alone), bits(&out[i * n..][..n]), "{format:?} row {i}");
                }
            }
        }
    }
}

#[test]
fn rows_do_not_depend_on_how_many_there_are() {
    let mut random = Random::new(3);
    for pool in &pools() {
        for format in [Format::Q4_1, Format::Q8_0] {
            let (n, k) = (57, 96);
            let bytes = random_weights(&mut random, format, n, k);
            let linear = Linear::from_gguf(format, &bytes, n, k).unwrap();
            let x = random.normals(40 * k);
            let mut all = vec![0.0; 40 * n];
            linear.matmul(pool, &Input::new(&x, k), None, &mut all);
            for m in 1..40 {
                let mut out = vec![f32::NAN; m * n];
                linear.matmul(pool, &Input::new(&x[..m * k], k), None, &mut out);
                assert_eq!(bits(&out), bits(&all[..m * n]));
            }
        }
    }
}

#[test]
fn activations_lose_at_most_a_254th() {
    let mut random = Random::new(4);
    let mut x = random.normals(32 * 50);
    x[..32].fill(0.0);
    x[40] = 1e-42;
    x[64..96].fill(1e-41);
    for pool in &pools() {
        let mut rows = QRows::default();
        rows.quantize(pool, &x, 32);
        let mut back = vec![0.0; 32];
        for (i, x) in x.chunks_exact(32).enumerate() {
            rows.read_row(i, &mut back);
            let largest = x.iter().fold(0.0f32, |a, x| a.max(x.abs()));
            for (x, back) in x.iter().zip(&back) {
                assert!((x - back).abs() <= largest / 253.0 + 1e-40, "{back} instead of {x}");
            }
        }
    }
}

#[test]
fn a_nan_is_not_hidden() {
    let pool = Pool::new(1);
    let matrix = QMatrix::quantize_q8_0(&vec![0.5; 16 * 64], 16, 64).unwrap();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = vec![1.0; 2 * 64];
        x[70] = bad;
        let mut rows = QRows::default();
        rows.quantize(&pool, &x, 64);
        let mut out = vec![0.0; 32];
        matrix.matmul(&pool, &rows, None, &mut out);
        assert!(out[..16].iter().all(|x| (x - 32.0).abs() < 1e-2), "{:?}", &out[..16]);
        assert!(out[16..].iter().all(|x| x.is_nan()));
    }
}

#[test]
fn q8_0_is_close_to_the_weights() {
    let mut random = Random::new(5);
    let (n, k) = (20, 96);
    let weights = random.normals(n * k);
    let matrix = QMatrix::quantize_q8_0(&weights, n, k).unwrap();
    let mut row = vec![0.0; k];
    for (i, weights) in weights.chunks_exact(k).enumerate() {
        matrix.read_row(i, &mut row);
        for (got, want) in row.chunks_exact(32).zip(weights.chunks_exact(32)) {
            let largest = want.iter().fold(0.0f32, |a, x| a.max(x.abs()));
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() <= largest / 200.0));
        }
    }
    assert!(QMatrix::quantize_q8_0(&weights[..33], 1, 33).is_none());
}

#[test]
fn dense_products_are_right_and_the_same_bits_everywhere() {
    let mut random = Random::new(6);
    let pools = pools();
    for (n, k, m) in [(1, 1, 1), (5, 7, 3), (16, 16, 4), (47, 33, 13), (49, 64, 1), (130, 2100, 9), (20, 40, 300)] {
        let weights = random.normals(n * k);
        let x = random.normals(m * k);
        let bias = random.normals(n);
        let narrow = weights.iter().map(|&w| bf16::from_f32(w)).collect::<Vec<_>>();
        let half = weights.iter().map(|&w| f16::from_f32(w)).collect::<Vec<_>>();
        let matrices = [Matrix::from_f32(&weights, n, k), Matrix::from_bf16(&narrow, n, k), Matrix::from_f16(&half, n, k)];
        for matrix in matrices {
            let mut stored = vec![0.0; n * k];
            for (i, row) in stored.chunks_exact_mut(k).enumerate() {
                matrix.read_row(i, row);
            }
            let want = reference(&x, &stored, Some(&bias), n, k);
            let mut first = None;
            for pool in &pools {
                let mut out = vec![f32::NAN; m * n];
                matrix.matmul(pool, &x, Some(&bias), &mut out);
                assert_close(&out, &want, 1e-6 * (k as f64).sqrt() * 4.0);
                let first = first.get_or_insert_with(|| out.clone());
                assert_eq!(bits(&out), bits(first), "[{n}, {k}] at {:?}", pool.level());
                for i in 0..m.min(20) {
                    let mut alone = vec![f32::NAN; n];
                    matrix.matmul(pool, &x[i * k..][..k], Some(&bias), &mut alone);
                    assert_eq!(bits(&alone), bits(&out[i * n..][..n]));
                }
            }
        }
    }
}

#[test]
fn gguf_floats_are_read() {
    let pool = Pool::new(1);
    let weights = [1.0f32, -2.0, 0.5, 4.0];
    let f32s = weights.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
    let f16s = weights.iter().flat_map(|&w| f16::from_f32(w).to_le_bytes()).collect::<Vec<_>>();
    let bf16s = weights.iter().flat_map(|&w| bf16::from_f32(w).to_le_bytes()).collect::<Vec<_>>();
    for (format, bytes) in [(Format::F32, f32s), (Format::F16, f16s), (Format::Bf16, bf16s)] {
        let linear = Linear::from_gguf(format, &bytes, 2, 2).unwrap();
        let mut out = [0.0; 2];
        linear.matmul(&pool, &Input::new(&[3.0, 1.0], 2), None, &mut out);
        assert_eq!(out, [1.0, 5.5]);
        assert!(Linear::from_gguf(format, &bytes[1..], 2, 2).is_err());
    }
    let error = Linear::from_gguf(Format::Q4K, &[], 1, 576).err().unwrap();
    assert!(error.to_string().contains("576"));
}
