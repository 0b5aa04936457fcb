use ashlar_kernels::rows::{self, Activation, Heads, Pairing};

use crate::{Random, assert_close, bits, pools};

/// Calls `f` on every pool and checks that the bits agree; returns the result.
fn everywhere(f: impl Fn(&ashlar_kernels::Pool) -> Vec<f32>) -> Vec<f32> {
    let mut results = pools().iter().map(&f).collect::<Vec<_>>();
    for result in &results {
        assert_eq!(bits(result), bits(&results[0]));
    }
    results.remove(0)
}

#[test]
fn norms() {
    let mut random = Random::new(20);
    for (n, width) in [(3, 1), (5, 31), (2, 64), (300, 100), (4, 576)] {
        let (x, y) = (random.normals(n * width), random.normals(n * width));
        let (weight, bias) = (random.normals(width), random.normals(width));
        let sum = x.iter().zip(&y).map(|(x, y)| x + y).collect::<Vec<_>>();
        let want = |x: &[f32], layer: bool| {
            let mut out = Vec::new();
            for row in x.chunks_exact(width) {
                let row = row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
                let mean = if layer { row.iter().sum::<f64>() / width as f64 } else { 0.0 };
                let var = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                for (i, x) in row.iter().enumerate() {
                    let y = (x - mean) / (var + 1e-5).sqrt() * f64::from(weight[i]);
                    out.push(if layer { y + f64::from(bias[i]) } else { y });
                }
            }
            out
        };
        let got = everywhere(|pool| {
            let mut out = vec![f32::NAN; n * width];
            rows::rms_norm(pool, &x, &weight, 1e-5, &mut out);
            out
        });
        assert_close(&got, &want(&x, false), 1e-5);
        let got = everywhere(|pool| {
            let mut out = vec![f32::NAN; n * width];
            rows::layer_norm(pool, &x, &weight, Some(&bias), 1e-5, &mut out);
            out
        });
        assert_close(&got, &want(&x, true), 2e-4);
        let got = everywhere(|pool| {
            let (mut residual, mut out) = (y.clone(), vec![f32::NAN; n * width]);
            rows::add_rms_norm(pool, &mut residual, &x, &weight, 1e-5, &mut out);
            assert_eq!(residual, sum);
            out
        });
        assert_close(&got, &want(&sum, false), 1e-5);
        let got = everywhere(|pool| {
            let (mut residual, mut out) = (y.clone(), vec![f32::NAN; n * width]);
            rows::add_layer_norm(pool, &mut residual, &x, &weight, Some(&bias), 1e-5, &mut out);
            out
        });
        assert_close(&got, &want(&sum, true), 2e-4);
    }
}

#[test]
fn norms_of_heads_leave_the_rest_of_a_row() {
    let mut random = Random::new(21);
    let layout = Heads { rows: 7, stride: 100, heads: 3, dim: 24 };
    let (x, weight) = (random.normals(10 + 6 * 100 + 72), random.normals(24));
    let got = everywhere(|pool| {
        let mut x = x.clone();
        rows::rms_norm_heads(pool, &mut x[10..], layout, &weight, 1e-6);
        x
    });
    for row in 0..7 {
        for i in 0..100 {
            let at = 10 + row * 100 + i;
            if i < 72 {
                let head = &x[at - i % 24..][..24];
                let squares = head.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
                let want = f64::from(x[at]) / (squares / 24.0 + 1e-6).sqrt() * f64::from(weight[i % 24]);
                assert!((f64::from(got[at]) - want).abs() < 1e-5);
            } else if at < x.len() {
                assert_eq!(got[at], x[at]);
            }
        }
    }
}

#[test]
fn layer_norms_of_heads_with_weights_of_their_own() {
    let mut random = Random::new(23);
    // Two heads of 24 inside rows of 60; what lies beside them stays.
    let layout = Heads { rows: 5, stride: 60, heads: 2, dim: 24 };
    let (x, weight, bias) = (random.normals(5 * 60), random.normals(48), random.normals(48));
    let got = everywhere(|pool| {
        let mut x = x.clone();
        rows::layer_norm_heads(pool, &mut x, layout, &weight, &bias, 1e-5);
        x
    });
    for (at, got) in got.iter().enumerate() {
        let i = at % 60;
        if i >= 48 {
            assert_eq!(*got, x[at]);
            continue;
        }
        let head: Vec<f64> = x[at - i % 24..][..24].iter().map(|&x| f64::from(x)).collect();
        let mean = head.iter().sum::<f64>() / 24.0;
        let variance = head.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 24.0;
        let want = (f64::from(x[at]) - mean) / (variance + 1e-5).sqrt() * f64::from(weight[i]) + f64::from(bias[i]);
        assert!((f64::from(*got) - want).abs() < 1e-5);
    }
}

#[test]
fn rotary_embeddings() {
    let mut random = Random::new(22);
    for (dim, pairs) in [(64, 32), (72, 36), (128, 64), (32, 8), (4, 2)] {
        let layout = Heads { rows: 5, stride: 2 * dim + 3, heads: 2, dim };
        let x = random.normals(5 * layout.stride);
        let angles = random.normals(5 * pairs);
        let cos = angles.iter().map(|a| a.cos()).collect::<Vec<_>>();
        let sin = angles.iter().map(|a| a.sin()).collect::<Vec<_>>();
        for pairing in [Pairing::Halves, Pairing::Interleaved] {
            let got = everywhere(|pool| {
                let mut x = x.clone();
                rows::rope(pool, &mut x, layout, &cos, &sin, pairing);
                x
            });
            let mut want = x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            for row in 0..5 {
                for head in 0..2 {
                    for i in 0..pairs {
                        let (a, b) = match pairing {
                            Pairing::Halves => (i, i + pairs),
                            Pairing::Interleaved => (2 * i, 2 * i + 1),
                        };
                        let at = row * layout.stride + head * dim;
                        let (c, s) = (f64::from(cos[row * pairs + i]), f64::from(sin[row * pairs + i]));
                        let (xa, xb) = (f64::from(x[at + a]), f64::from(x[at + b]));
                        want[at + a] = xa * c - xb * s;
                        want[at + b] = xb * c + xa * s;
                    }
                }
            }
            assert_close(&got, &want, 1e-6);
        }
    }
}

/// Abramowitz and Stegun 7.1.5 near zero, the continued fraction 7.1.14 further out.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 3.0 {
        let (mut term, mut sum) = (a, a);
        for n in 1..200 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let mut fraction = a;
        for n in (1..60).rev() {
            fraction = a + f64::from(n) / 2.0 / fraction;
        }
        1.0 - (-a * a).exp() / fraction / std::f64::consts::PI.sqrt()
    };
    value.copysign(x)
}

fn ulps(got: f32, want: f64) -> f64 {
    let spacing = f64::from(f32::from_bits((want.abs() as f32).to_bits() + 1)) - f64::from(want.abs() as f32);
    (f64::from(got) - want).abs() / spacing
}

#[test]
fn activations() {
    let x = (-40_000..40_000).map(|i| i as f32 * 0.000_5).chain([0.0, -90.0, 90.0, 1e30, -1e30]).collect::<Vec<_>>();
    let run = |activation| {
        everywhere(|pool| {
            let mut x = x.clone();
            rows::activate(pool, activation, &mut x);
            x
        })
    };
    for (i, got) in run(Activation::Silu).into_iter().enumerate() {
        let x = f64::from(x[i]);
        let want = x / (1.0 + (-x).exp());
        assert!(ulps(got, want) < 4.0 || (want.abs() < 1e-30 && got.abs() < 1e-30), "silu({x}) = {got}");
    }
    for (i, got) in run(Activation::GeluErf).into_iter().enumerate() {
        let x = f64::from(x[i]);
        let want = 0.5 * x * (1.0 + erf(x / 2f64.sqrt()));
        // 1 + erf cancels for negative x, as it does in the reference implementations.
        assert!((f64::from(got) - want).abs() <= 2e-7 * x.abs().max(1e-3), "gelu({x}) = {got}, not {want}");
    }
    for (i, got) in run(Activation::GeluTanh).into_iter().enumerate() {
        let x = f64::from(x[i]);
        let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
        let want = 0.5 * x * (1.0 + u.tanh());
        assert!((f64::from(got) - want).abs() <= 4e-7 * x.abs().max(1e-3), "gelu_tanh({x}) = {got}, not {want}");
    }
}

#[test]
fn gated_rows() {
    let mut random = Random::new(23);
    for (n, width) in [(1, 1536), (30, 33), (100, 200)] {
        let x = random.normals(2 * n * width);
        let got = everywhere(|pool| {
            let mut out = vec![f32::NAN; n * width];
            rows::silu_mul(pool, &x, width, &mut out);
            out
        });
        let want = (0..n * width)
            .map(|i| {
                let at = i / width * 2 * width + i % width;
                let (gate, up) = (f64::from(x[at]), f64::from(x[at + width]));
                gate / (1.0 + (-gate).exp()) * up
            })
            .collect::<Vec<_>>();
        assert_close(&got, &want, 1e-6);
    }
}

#[test]
fn softmax_rows() {
    let mut random = Random::new(24);
    for (n, width) in [(1, 1), (4, 15), (7, 16), (50, 1000)] {
        let mut x = random.normals(n * width).into_iter().map(|x| x * 10.0).collect::<Vec<_>>();
        if width > 10 {
            x[3] = f32::NEG_INFINITY;
        }
        let got = everywhere(|pool| {
            let mut x = x.clone();
            rows::softmax(pool, &mut x, width);
            x
        });
        let mut want = Vec::new();
        for row in x.chunks_exact(width) {
            let max = row.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(f64::from(b)));
            let e = row.iter().map(|&x| (f64::from(x) - max).exp()).collect::<Vec<_>>();
            let sum = e.iter().sum::<f64>();
            want.extend(e.iter().map(|e| e / sum));
        }
        assert_close(&got, &want, 1e-6);
        for (row, want) in got.chunks_exact(width).zip(want.chunks_exact(width)) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (&got, &want) in row.iter().zip(want) {
                assert!(ulps(got, want) < 100.0 || want < 1e-30, "{got} instead of {want}");
            }
        }
    }
}

#[test]
fn the_lowest_of_equals_wins() {
    let mut x = vec![0.0f32; 1000];
    assert_eq!(rows::argmax(&x), 0);
    x[999] = 1.0;
    assert_eq!(rows::argmax(&x), 999);
    x[501] = 1.0;
    x[17] = f32::NAN;
    assert_eq!(rows::argmax(&x), 501);
    assert_eq!(rows::argmax(&[]), 0);
    assert_eq!(rows::argmax(&[f32::NEG_INFINITY; 3]), 0);
}

#[test]
fn sums() {
    let mut random = Random::new(25);
    let (x, y) = (random.normals(100_003), random.normals(100_003));
    let got = everywhere(|pool| {
        let mut x = x.clone();
        rows::add(pool, &mut x, &y);
        x
    });
    assert!(got.iter().zip(x.iter().zip(&y)).all(|(got, (x, y))| *got == x + y));

    let mut x = vec![1.0; 4 * 3];
    rows::scatter_add_rows(&mut x, 3, &[2, 0, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0, 30.0]);
    assert_eq!(x, [5.0, 6.0, 7.0, 1.0, 1.0, 1.0, 12.0, 23.0, 34.0, 1.0, 1.0, 1.0]);
}
