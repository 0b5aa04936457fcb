//! What the kernels reach, next to what the machine can do, measured in the same run.
//!
//! `cargo bench -p ashlar-kernels [-- FILTER]`; `KERNELS_THREADS` sets the threads. Shapes are SmolLM2-135M's unless said
//! otherwise. The best of many repetitions counts, so that other work on the machine disturbs little.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ashlar_kernels::attention::{PagedKv, PagedLatents, Sequence, View, paged, varlen};
use ashlar_kernels::conv::{Conv3, FeatureMap, GroupNorm};
use ashlar_kernels::dense::Matrix;
use ashlar_kernels::experts::{Experts, Routing, Scoring};
use ashlar_kernels::latent::{LatentAttention, LatentHeads};
use ashlar_kernels::quant::{Format, QMatrix, QRows};
use ashlar_kernels::rows::{self, Heads};
use ashlar_kernels::{Input, Level, Linear, Pool};

/// Best time of a call to `f`, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let start = Instant::now();
    let mut n = 0;
    while n < 5 || start.elapsed() < Duration::from_millis(700) {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
        n += 1;
    }
    best
}

fn noise(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// A matrix of random codes with scales near one hundredth.
fn quantised(format: Format, n: usize, k: usize) -> QMatrix {
    let mut bytes = vec![0u8; format.n_bytes(n * k)];
    let mut state = 7u32;
    for byte in &mut bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    let scale = [0x1f, 0x21];
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        let len = block.len();
        match format {
            Format::Q6K | Format::Q3K => block[len - 2..].copy_from_slice(&scale),
            Format::Q2K => {
                block[len - 2..].copy_from_slice(&scale);
                block[len - 4..len - 2].copy_from_slice(&scale);
            }
            _ => {
                block[..2].copy_from_slice(&scale);
                block[2..4].copy_from_slice(&scale);
            }
        }
    }
    QMatrix::from_gguf(format, &bytes, n, k).unwrap_or_else(|| panic!("{format:?} [{n}, {k}]"))
}

/// Bytes a second that all threads together read from `bytes` of memory.
fn read_bandwidth(pool: &Pool, bytes: usize) -> f64 {
    let data = vec![1u64; bytes / 8];
    let per_task = data.len() / 64;
    let time = best(|| {
        pool.run(64, &|i| {
            let mut sums = [0u64; 32];
            for chunk in data[i * per_task..][..per_task].chunks_exact(32) {
                for (sum, x) in sums.iter_mut().zip(chunk) {
                    *sum = sum.wrapping_add(*x);
                }
            }
            black_box(sums);
        });
    });
    (per_task * 64 * 8) as f64 / time
}

/// Multiply-adds a second of all threads together: `(f32, int8)`.
fn peaks(pool: &Pool) -> (f64, f64) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        const N: usize = 200_000;

        #[target_feature(enable = "avx512f,avx512vnni")]
        fn vnni() {
            let mut sums = [_mm512_setzero_si512(); 12];
            let (a, b) = (black_box(_mm512_set1_epi8(1)), black_box(_mm512_set1_epi8(2)));
            for _ in 0..N {
                for sum in &mut sums {
                    *sum = _mm512_dpbusd_epi32(*sum, a, b);
                }
            }
            black_box(sums);
        }
        #[target_feature(enable = "avx512f")]
        fn fma512() {
            let mut sums = [_mm512_setzero_ps(); 12];
            let (a, b) = (black_box(_mm512_set1_ps(1.5)), black_box(_mm512_set1_ps(0.5)));
            for _ in 0..N {
                for sum in &mut sums {
                    *sum = _mm512_fmadd_ps(*sum, a, b);
                }
            }
            black_box(sums);
        }
        #[target_feature(enable = "avx2,fma")]
        fn fma256() {
            let mut sums = [_mm256_setzero_ps(); 12];
            let (a, b) = (black_box(_mm256_set1_ps(1.5)), black_box(_mm256_set1_ps(0.5)));
            for _ in 0..N {
                for sum in &mut sums {
                    *sum = _mm256_fmadd_ps(*sum, a, b);
                }
            }
            black_box(sums);
        }
        let n = pool.n_threads();
        let rate = |lanes: usize, f: &(dyn Fn() + Sync)| (n * N * 12 * lanes) as f64 / best(|| pool.run(n, &|_| f()));
        if Level::detect() >= Level::Avx512 {
            // SAFETY: the level says so.
            return unsafe { (rate(16, &|| fma512()), rate(64, &|| vnni())) };
        }
        if Level::detect() >= Level::Avx2 {
            // SAFETY: the level says so. `vpmaddubsw` and its two followers make 32 products in three instructions.
            let fma = unsafe { rate(8, &|| fma256()) };
            return (fma, fma / 8.0 * 32.0 / 3.0);
        }
    }
    let _ = pool;
    (f64::NAN, f64::NAN)
}

struct Bench {
    filter: Option<String>,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }

    fn report(&self, name: &str, time: f64, amount: f64, unit: &str, peak: f64) {
        let micros = time * 1e6;
        let rate = amount / time / 1e9;
        println!("{name:<44} {micros:>10.1} µs {rate:>8.1} {unit:<7} {:>4.0} % of peak", 100.0 * rate * 1e9 / peak);
    }
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let bench = Bench { filter };
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration")]
    let threads = std::env::var("KERNELS_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let pool = Pool::new(threads);
    let (fma_peak, int8_peak) = peaks(&pool);
    let near = read_bandwidth(&pool, 100 << 20);
    let far = read_bandwidth(&pool, 1 << 30);
    println!(
        "{} threads, {:?}: f32 {:.0} GFLOP/s, int8 {:.0} GOP/s, read {:.1} GB/s from 100 MB, {:.1} GB/s from 1 GB",
        pool.n_threads(),
        pool.level(),
        2.0 * fma_peak / 1e9,
        2.0 * int8_peak / 1e9,
        near / 1e9,
        far / 1e9
    );

    if bench.wants("pool") {
        let time = best(|| {
            for _ in 0..1000 {
                pool.run(2, &|i| {
                    black_box(i);
                });
            }
        });
        println!("{:<44} {:>10.2} µs", "pool: an empty region", time * 1e3);
    }

    // One token: every weight is read once.
    let shapes = [(960, 576), (576, 576), (3072, 576), (576, 1536)];
    for format in [Format::Q4_1, Format::Q8_0, Format::Q4_0, Format::Q5_0] {
        let name = format!("gemv {format:?}: 30 layers");
        if bench.wants(&name) {
            let layers = (0..30).flat_map(|_| shapes.map(|(n, k)| Linear::Quantized(quantised(format, n, k)))).collect::<Vec<_>>();
            let bytes = layers.iter().map(Linear::n_bytes).sum::<usize>();
            let x = noise(1536);
            let mut out = vec![0.0; 3072];
            let time = best(|| {
                for layer in &layers {
                    layer.matmul(&pool, &Input::new(&x[..layer.k()], layer.k()), None, &mut out[..layer.n()]);
                }
            });
            bench.report(&name, time, bytes as f64, "GB/s", near);
        }
    }
    for (format, k) in [(Format::Q8_0, 576), (Format::Q4_1, 576), (Format::Q4K, 768), (Format::Q6K, 768), (Format::Q5K, 768)] {
        for m in [1, 2, 4, 8] {
            let name = format!("lm_head {format:?} [49152, {k}], m = {m}");
            if bench.wants(&name) {
                let matrix = quantised(format, 49152, k);
                let mut x = QRows::default();
                x.quantize(&pool, &noise(m * k), k);
                let mut out = vec![0.0; m * 49152];
                let time = best(|| matrix.matmul(&pool, &x, None, &mut out));
                bench.report(&name, time, matrix.n_bytes() as f64, "GB/s", near);
            }
        }
    }

    // A prompt.
    for format in [Format::Q4_1, Format::Q8_0, Format::Q4K, Format::Q6K] {
        for (n, k) in [(3072usize, 576usize), (576, 1536), (4096, 4096)] {
            let name = format!("gemm {format:?} [{n}, {k}], m = 512");
            let k = k.next_multiple_of(format.block_len());
            if bench.wants(&name) {
                let matrix = quantised(format, n, k);
                let mut x = QRows::default();
                x.quantize(&pool, &noise(512 * k), k);
                let mut out = vec![0.0; 512 * n];
                let time = best(|| matrix.matmul(&pool, &x, None, &mut out));
                bench.report(&name, time, (2 * 512 * n * k) as f64, "GOP/s", 2.0 * int8_peak);
            }
        }
    }
    for (n, k, m) in [(1536, 384, 256), (384, 1536, 256), (4096, 1024, 1024), (1536, 384, 1)] {
        let name = format!("dense f32 [{n}, {k}], m = {m}");
        if bench.wants(&name) {
            let matrix = Matrix::from_f32(&noise(n * k), n, k);
            let x = noise(m * k);
            let mut out = vec![0.0; m * n];
            let time = best(|| matrix.matmul(&pool, &x, None, &mut out));
            bench.report(&name, time, (2 * m * n * k) as f64, "GFLOP/s", 2.0 * fma_peak);
        }
    }

    // A picture tokenizer's layers.
    for (channels, side) in [(128usize, 512usize), (256, 128), (512, 32)] {
        let name = format!("convolution 3×3, {channels} channels of {side}×{side}");
        if bench.wants(&name) {
            let conv = Conv3::new(&noise(9 * channels * channels), noise(channels), channels, 1);
            let x = FeatureMap::new(noise(side * side * channels), side, side, channels).bordered(&pool);
            let time = best(|| {
                black_box(conv.forward(&pool, &x));
            });
            bench.report(&name, time, (18 * channels * channels * side * side) as f64, "GFLOP/s", 2.0 * fma_peak);
        }
        let name = format!("group norm and swish, {channels} channels of {side}×{side}");
        if bench.wants(&name) {
            let norm = GroupNorm::new(noise(channels), noise(channels), 32, 1e-6);
            let x = FeatureMap::new(noise(side * side * channels), side, side, channels);
            let time = best(|| {
                black_box(norm.forward_silu(&pool, &x));
            });
            bench.report(&name, time, (12 * channels * side * side) as f64, "GB/s", far);
        }
    }

    // Attention. Causal prompts count the half that is computed.
    for (heads, kv_heads, dim, len) in [(9, 3, 64, 512), (9, 3, 64, 2048), (16, 8, 128, 1024)] {
        let name = format!("attention prompt {heads}/{kv_heads}×{dim}, {len} tokens");
        if bench.wants(&name) {
            let (keys, values) = (noise(len * kv_heads * dim), noise(len * kv_heads * dim));
            let table = (0..len as u32 / 16).collect::<Vec<_>>();
            let cache = PagedKv { keys: &keys, values: &values, block_size: 16, heads: kv_heads, dim };
            let q = noise(len * heads * dim);
            let mut out = vec![0.0; q.len()];
            let time = best(|| {
                let sequences = [Sequence { rows: 0..len, context_len: len, block_table: &table }];
                let q = View::new(&q, Heads::packed(len, heads, dim));
                paged(&pool, q, &cache, &sequences, 0.125, &mut out);
            });
            bench.report(&name, time, (2 * len * len * heads * dim) as f64, "GFLOP/s", 2.0 * fma_peak);
        }
    }
    for (batch, len) in [(1, 128), (1, 512), (1, 4096), (8, 512)] {
        let name = format!("attention decode 9/3×64, {batch} × {len} tokens");
        if bench.wants(&name) {
            let size = batch * len * 3 * 64;
            let (keys, values) = (noise(size), noise(size));
            let tables = (0..batch * len / 16).map(|i| i as u32).collect::<Vec<_>>();
            let cache = PagedKv { keys: &keys, values: &values, block_size: 16, heads: 3, dim: 64 };
            let q = noise(batch * 9 * 64);
            let mut out = vec![0.0; q.len()];
            let time = best(|| {
                let sequences = tables
                    .chunks_exact(len / 16)
                    .enumerate()
                    .map(|(i, block_table)| Sequence { rows: i..i + 1, context_len: len, block_table })
                    .collect::<Vec<_>>();
                let q = View::new(&q, Heads::packed(batch, 9, 64));
                paged(&pool, q, &cache, &sequences, 0.125, &mut out);
            });
            bench.report(&name, time, (2 * size * 4) as f64, "GB/s", near);
        }
    }
    for (heads, dim, len) in [(12, 32, 256), (16, 72, 1024)] {
        let name = format!("attention both ways {heads}×{dim}, {len} tokens");
        if bench.wants(&name) {
            let qkv = noise(3 * len * heads * dim);
            let mut out = vec![0.0; len * heads * dim];
            let part = |i: usize| {
                let layout = Heads { rows: len, stride: 3 * heads * dim, heads, dim };
                View::new(&qkv[i * heads * dim..], layout)
            };
            let time = best(|| varlen(&pool, part(0), part(1), part(2), &[0, len as u32], false, 0.125, &mut out));
            bench.report(&name, time, (4 * len * len * heads * dim) as f64, "GFLOP/s", 2.0 * fma_peak);
        }
    }

    // A layer of 16 experts of Kimi-VL's size, three a token; of one token the weights' bytes count.
    for (m, unit) in [(1usize, "GB/s"), (16, "GFLOP/s"), (256, "GFLOP/s"), (1024, "GFLOP/s")] {
        let name = format!("experts bf16 16 × 2048 × 1408, 3 a token, m = {m}");
        if bench.wants(&name) {
            let (hidden, width, top_k) = (2048, 1408, 3);
            let matrix = |n: usize, k: usize| {
                let bytes: Vec<u8> = noise(n * k).iter().flat_map(|w| half::bf16::from_f32(*w).to_le_bytes()).collect();
                Linear::from_gguf(Format::Bf16, &bytes, n, k).unwrap_or_else(|e| panic!("{e}"))
            };
            let experts = Experts::new(vec![matrix(2 * width, hidden); 16], vec![matrix(hidden, width); 16]);
            let routing = Routing { n_experts: 16, top_k, scoring: Scoring::Softmax, normalize: true, scale: 1.0 };
            let choice = routing.choose(&pool, &mut noise(m * 16));
            let (x, mut out) = (noise(m * hidden), noise(m * hidden));
            let time = best(|| experts.add(&pool, &x, &choice, &mut out));
            let per_token = (3 * hidden * width * top_k) as f64;
            let (amount, peak) = if m == 1 { (2.0 * per_token, near) } else { (2.0 * m as f64 * per_token, 2.0 * fma_peak) };
            bench.report(&name, time, amount, unit, peak);
        }
    }

    // Kimi-VL's attention to its latents: a token, a chunk behind others, a prompt. Operations of the cheaper form count.
    for (rows, len) in [(1usize, 1024usize), (64, 1024), (512, 512), (512, 2048)] {
        let heads = LatentHeads { n_heads: 16, nope_dim: 128, rope_dim: 64, value_dim: 128, latent_dim: 512 };
        let up: Vec<u8> = noise(16 * 256 * 512).iter().flat_map(|w| half::bf16::from_f32(*w).to_le_bytes()).collect();
        let attention = LatentAttention::from_gguf(heads, Format::Bf16, &up).unwrap_or_else(|e| panic!("{e}"));
        let latents = noise(len * heads.cached_dim());
        let cache = PagedLatents { latents: &latents, block_size: 32, dim: heads.cached_dim(), value_dim: heads.latent_dim };
        let table = (0..len as u32 / 32).collect::<Vec<_>>();
        let sequences = [Sequence { rows: 0..rows, context_len: len, block_table: &table }];
        let queries = noise(rows * 16 * heads.query_dim());
        let mut out = vec![0.0; rows * 16 * heads.value_dim];
        let pairs = (rows * (2 * len - rows + 1) / 2) as f64 * 16.0;
        let (absorbed, expanded) =
            (2.0 * pairs * 1088.0 + (rows * 16 * 2 * 2 * 128 * 512) as f64, 2.0 * pairs * 320.0 + (len * 16 * 2 * 256 * 512) as f64);
        let name = format!("latents {rows} rows of {len}");
        if bench.wants(&format!("{name}, absorbed")) {
            let time = best(|| attention.absorbed(&pool, &queries, &cache, &sequences, &mut out));
            bench.report(&format!("{name}, absorbed"), time, absorbed.min(expanded), "GFLOP/s", 2.0 * fma_peak);
        }
        if bench.wants(&format!("{name}, expanded")) {
            let time = best(|| attention.expanded(&pool, &queries, &cache, &sequences[0], &mut out));
            bench.report(&format!("{name}, expanded"), time, absorbed.min(expanded), "GFLOP/s", 2.0 * fma_peak);
        }
    }

    // The small steps between, for one token.
    if bench.wants("rows") {
        let (mut residual, x, weight) = (noise(576), noise(576), noise(576));
        let mut out = vec![0.0; 576];
        let norm = best(|| {
            for _ in 0..1000 {
                rows::add_rms_norm(&pool, &mut residual, &x, &weight, 1e-5, &mut out);
            }
        });
        let gate_up = noise(3072);
        let mut gated = vec![0.0; 1536];
        let silu = best(|| {
            for _ in 0..1000 {
                rows::silu_mul(&pool, &gate_up, 1536, &mut gated);
            }
        });
        let mut quantised = QRows::default();
        let quantise = best(|| {
            for _ in 0..1000 {
                quantised.quantize(&pool, &gated, 1536);
            }
        });
        let logits = noise(49152);
        let argmax = best(|| {
            for _ in 0..100 {
                black_box(rows::argmax(black_box(&logits)));
            }
        });
        println!(
            "rows: add_rms_norm 576 {:.2} µs, silu_mul 1536 {:.2} µs, quantise 1536 {:.2} µs, argmax 49152 {:.1} µs",
            norm * 1e3,
            silu * 1e3,
            quantise * 1e3,
            argmax * 1e4
        );
    }
}
