//! How fast the kernels are: `cargo bench -p ashlar-cuda --features device`. Prints Markdown tables. Memory-bound kernels are
//! held against a copy measured in the same run; `tools/bench/sdpa.py` gives PyTorch's attention for the same shapes.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark that can't run should say why and stop")]

mod harness;

use ashlar_cuda::attention::{Attention, Keys, Rows, tile_rows, tiles};
use ashlar_cuda::mla::{Fresh, Gather, Heads, LATENT, LatentDecode, MAX_FEW_ROWS, ROPE, ROW, Turned, Values};
use ashlar_cuda::moe::{Experts, FewTokens, Form, List, Pairs, Routing, Scores, Shared};
use ashlar_cuda::{Buffer, DecodeAttention, Epilogue, FreshTokens, HeadMatmul, HeadNorms, HeadRows, Norm, Skinny, rows};
use harness::Bench;

/// Bytes that runs go through before they come back to the same ones: more than the cache holds.
const ROTATION: usize = 400 << 20;

fn main() {
    let Some(bench) = Bench::open() else { return };
    println!("| kernel | µs | rate | of the copy |\n| --- | --- | --- | --- |");
    bench.row_kernels();
    bench.skinny();
    bench.decode();
    bench.latents();
    bench.routing();
    println!("\n| experts | µs | of the copy, reading weights | TFLOP/s |\n| --- | --- | --- | --- |");
    bench.few_tokens();
    bench.experts();
    println!("\n| attention | µs | TFLOP/s |\n| --- | --- | --- |");
    bench.attention();
}

impl Bench {
    fn line(&self, name: &str, seconds: f64, bytes: usize) {
        let rate = bytes as f64 / seconds;
        println!("| {name} | {:.1} | {:.0} GB/s | {:.0} % |", seconds * 1e6, rate / 1e9, rate / self.copy * 100.0);
    }

    fn row_kernels(&self) {
        let device = &self.device;
        for n_rows in [8192, 256] {
            let (h, i) = (4096, 12_288);
            let (x, weight, wide) = (self.noise(n_rows * h), self.noise(h), self.noise(n_rows * 2 * i));
            let out = self.noise(n_rows * i);
            let scales = self.noise(2 * n_rows);
            // SAFETY: the buffers have these shapes.
            let seconds =
                self.time(50, |_| unsafe { rows::rms_norm(device, out.ptr(), x.ptr(), weight.ptr(), n_rows, h, 1e-6) }.expect("launch"));
            self.line(&format!("rms_norm [{n_rows}, {h}]"), seconds, 4 * n_rows * h);
            let seconds = self.time(50, |_| {
                // SAFETY: as above.
                unsafe { rows::rms_norm_fp8(device, out.ptr(), scales.ptr(), x.ptr(), weight.ptr(), n_rows, h, 1e-6) }.expect("launch");
            });
            self.line(&format!("rms_norm_fp8 [{n_rows}, {h}]"), seconds, 3 * n_rows * h);
            // SAFETY: as above.
            let seconds = self.time(50, |_| unsafe { rows::silu_mul(device, out.ptr(), wide.ptr(), n_rows, i) }.expect("launch"));
            self.line(&format!("silu_mul [{n_rows}, {i}]"), seconds, 6 * n_rows * i);
        }
    }

    fn skinny(&self) {
        for (model, h, i, qkv) in [("2B", 2048, 6144, 4096), ("8B", 4096, 12_288, 6144)] {
            for (name, n_out, n_in, epilogue) in [
                ("qkv", qkv, h, Epilogue::Store),
                ("o", h, qkv / 2, Epilogue::Add),
                ("gate_up", 2 * i, h, Epilogue::SwiGlu),
                ("down", h, i, Epilogue::Add),
                ("head", 151_936, h, Epilogue::Logits),
            ] {
                let copies = (ROTATION / (2 * n_out * n_in)).max(1);
                let weights: Vec<Buffer> = (0..copies).map(|_| self.noise(n_out * n_in)).collect();
                let (x, y, norm) = (self.noise(8 * n_in), self.noise(16 * n_out), self.noise(n_in));
                for n_rows in [1, 8] {
                    let normed = matches!(epilogue, Epilogue::Store | Epilogue::SwiGlu | Epilogue::Logits);
                    let seconds = self.time(4 * copies.max(8), |run| {
                        let skinny = Skinny {
                            rows: n_rows,
                            n_out,
                            n_in,
                            x: x.ptr(),
                            weight: weights[run % copies].ptr(),
                            scales: 0,
                            bias: 0,
                            norm: normed.then_some(Norm { weight: norm.ptr(), eps: 1e-6 }),
                            y: y.ptr(),
                            epilogue,
                        };
                        // SAFETY: the buffers have these shapes.
                        unsafe { skinny.launch(&self.device) }.expect("launch");
                    });
                    self.line(&format!("skinny {model} {name} [{n_out}, {n_in}], {n_rows} rows"), seconds, 2 * n_out * n_in);
                }
            }
        }
    }

    fn decode(&self) {
        for (n_heads, n_kv_heads) in [(16, 8), (32, 8)] {
            for (n_rows, context) in [(1, 512), (1, 4096), (16, 1024), (64, 1024), (64, 4096), (256, 1024)] {
                let dim = 128;
                let blocks = context / 32;
                let cache_values = n_rows * context * n_kv_heads * dim;
                let copies = (ROTATION / (4 * cache_values)).clamp(1, 32);
                let caches: Vec<[Buffer; 2]> = (0..copies).map(|_| [self.noise(cache_values), self.noise(cache_values)]).collect();
                let tables = self.integers((0..n_rows * blocks).map(|block| (block * 7919 % (n_rows * blocks)) as i32));
                let lens = self.integers((0..n_rows).map(|_| context as i32));
                let slots = self.integers((0..n_rows).map(|_| -1));
                let qkv = self.noise(n_rows * (n_heads + 2 * n_kv_heads) * dim);
                let (angles, norm) = (self.noise(2 * n_rows * dim), self.noise(dim));
                let out = self.noise(n_rows * n_heads * dim);
                let partials = Buffer::new(&self.device, DecodeAttention::partials_len(n_rows, n_heads, dim)).expect("room");
                let tickets = Buffer::zeros(&self.device, 4 * n_rows * n_kv_heads).expect("room");
                let seconds = self.time(4 * copies.max(8), |run| {
                    let [k_cache, v_cache] = &caches[run % copies];
                    let decode = DecodeAttention {
                        rows: n_rows,
                        n_heads,
                        n_kv_heads,
                        dim,
                        out: out.ptr(),
                        qkv: qkv.ptr(),
                        fresh: Some(FreshTokens {
                            norms: HeadNorms { q_weight: norm.ptr(), k_weight: norm.ptr(), eps: 1e-6, ..HeadNorms::default() },
                            angles: angles.ptr(),
                            slots: slots.ptr(),
                        }),
                        k_cache: k_cache.ptr(),
                        v_cache: v_cache.ptr(),
                        block_tables: tables.ptr(),
                        max_blocks: blocks,
                        context_lens: lens.ptr(),
                        partials: partials.ptr(),
                        tickets: tickets.ptr(),
                        scale: 0.088,
                    };
                    // SAFETY: the buffers have these shapes.
                    unsafe { decode.launch(&self.device) }.expect("launch");
                });
                self.line(&format!("decode attention {n_heads}/{n_kv_heads}, {n_rows} × {context}"), seconds, 4 * cache_values);
            }
        }
    }

    /// Latent attention of 16 heads, with what stands around it.
    fn latents(&self) {
        let device = &self.device;
        let (n_heads, nope, value_dim) = (16, 128, 128);
        for (n_rows, context) in
            [(1, 512), (1, 1024), (1, 4096), (1, 32_768), (8, 1024), (16, 1024), (64, 1024), (64, 4096), (128, 4096), (256, 1024)]
        {
            let blocks = context / 32;
            let cache_values = n_rows * context * ROW;
            let copies = (ROTATION / (2 * cache_values)).clamp(1, 32);
            let caches: Vec<Buffer> = (0..copies).map(|_| self.noise(cache_values)).collect();
            let tables = self.integers((0..n_rows * blocks).map(|block| (block * 7919 % (n_rows * blocks)) as i32));
            let lens = self.integers((0..n_rows).map(|_| context as i32));
            let (queries, out) = (self.noise(n_rows * n_heads * ROW), self.noise(n_rows * n_heads * LATENT));
            let partials = Buffer::new(device, LatentDecode::partials_len(n_rows, n_heads)).expect("room");
            let decode = |run: usize| LatentDecode {
                rows: n_rows,
                n_heads,
                out: out.ptr(),
                queries: queries.ptr(),
                cache: caches[run % copies].ptr(),
                block_tables: tables.ptr(),
                max_blocks: blocks,
                context_lens: lens.ptr(),
                partials: partials.ptr(),
                scale: 0.072,
            };
            // SAFETY: the buffers have these shapes.
            let seconds = self.time(4 * copies.max(8), |run| unsafe { decode(run).launch(device) }.expect("launch"));
            self.line(&format!("latent decode, {n_rows} × {context}"), seconds, 2 * cache_values);
            if n_rows > MAX_FEW_ROWS {
                continue;
            }
            let weight = self.noise(n_heads * value_dim * LATENT);
            let values = Values { weight: weight.ptr(), dim: value_dim, out: out.ptr() };
            // SAFETY: as above.
            let seconds = self.time(4 * copies.max(8), |run| unsafe { decode(run).launch_values(device, &values) }.expect("launch"));
            let n_bytes = 2 * (cache_values + n_heads * value_dim * LATENT);
            self.line(&format!("latent decode with values, {n_rows} × {context}"), seconds, n_bytes);
        }
        let heads = Heads { n: n_heads, nope };
        let dim = nope + ROPE;
        for n_rows in [1, 128, 8192] {
            let (latents, queries, keys) =
                (self.noise(n_rows * ROW), self.noise(n_rows * n_heads * dim), self.noise(n_rows * n_heads * dim));
            let (cache, norm, angles) = (self.noise(n_rows.next_multiple_of(32) * ROW), self.noise(LATENT), self.noise(2 * n_rows * ROPE));
            let slots = self.integers(0..n_rows as i32);
            let cu_seqlens = self.integers([0, n_rows as i32]);
            let weight = self.noise(n_heads * LATENT * nope);
            let wide = self.noise(n_rows * n_heads * ROW);
            let fresh = Fresh {
                heads,
                latents: latents.ptr(),
                latents_stride: ROW,
                queries: queries.ptr(),
                queries_stride: n_heads * dim,
                norm: norm.ptr(),
                eps: 1e-6,
                angles: angles.ptr(),
                slots: slots.ptr(),
                cache: cache.ptr(),
            };
            let turned = Turned { ptr: wide.ptr() + 2 * LATENT as u64, row_stride: n_heads * ROW, head_stride: ROW };
            // SAFETY: the buffers have these shapes.
            let seconds = self.time(50, |_| unsafe { fresh.store(device, n_rows, turned) }.expect("launch"));
            self.line(&format!("store latents, {n_rows} rows"), seconds, 4 * n_rows * (ROW + n_heads * ROPE));
            if n_rows <= MAX_FEW_ROWS {
                // SAFETY: as above.
                let seconds = self.time(50, |_| unsafe { fresh.absorb(device, n_rows, weight.ptr(), wide.ptr()) }.expect("launch"));
                let values = n_heads * LATENT * nope + 2 * n_rows * (ROW + n_heads * ROPE);
                self.line(&format!("store latents and absorb queries, {n_rows} rows"), seconds, 2 * values);
            }
            let gather = Gather {
                heads,
                cache: cache.ptr(),
                block_tables: slots.ptr(),
                max_blocks: n_rows.div_ceil(32),
                n_sequences: 1,
                cu_seqlens: cu_seqlens.ptr(),
                latents: latents.ptr(),
                keys: keys.ptr(),
            };
            // SAFETY: as above.
            let seconds = self.time(50, |_| unsafe { gather.launch(device, n_rows) }.expect("launch"));
            self.line(&format!("gather latents, {n_rows} rows"), seconds, 2 * n_rows * (ROW + LATENT + n_heads * ROPE));
            let rows_of = |buffer: &Buffer, dim: usize| HeadRows { ptr: buffer.ptr(), row_stride: n_heads * dim, head_stride: dim };
            let product = |n_in, n_out, x, y| HeadMatmul { rows: n_rows, n_heads, n_out, n_in, x, weight: weight.ptr(), y };
            let shared = HeadRows { ptr: latents.ptr(), row_stride: LATENT, head_stride: 0 };
            for (name, product) in [
                ("queries to latents", product(nope, LATENT, rows_of(&queries, dim), rows_of(&wide, ROW))),
                ("latents to values", product(LATENT, value_dim, rows_of(&wide, LATENT), rows_of(&keys, value_dim))),
                ("keys of latents", product(LATENT, nope, shared, rows_of(&keys, dim))),
            ] {
                // SAFETY: as above.
                let seconds = self.time(50, |_| unsafe { product.launch(device) }.expect("launch"));
                let values = n_heads * (product.n_in * product.n_out + n_rows * (product.n_in + product.n_out));
                self.line(&format!("{name}, {n_rows} rows"), seconds, 2 * values);
            }
        }
    }

    /// `n_chosen` different experts for each row.
    fn choices(&self, seed: usize, n_rows: usize, n_experts: usize, n_chosen: usize) -> Vec<i32> {
        let mut state = seed as u32;
        let mut experts: Vec<i32> = (0..n_experts as i32).collect();
        let mut chosen = Vec::new();
        for _ in 0..n_rows {
            for i in 0..n_chosen {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                experts.swap(i, i + (state >> 8) as usize % (n_experts - i));
            }
            chosen.extend(&experts[..n_chosen]);
        }
        chosen
    }

    fn routing(&self) {
        let device = &self.device;
        for (n_experts, n_chosen, sigmoid) in [(128, 8, false), (64, 6, true)] {
            for n_rows in [1, 64, 8192] {
                let (logits, bias) = (self.noise(2 * n_rows * n_experts), self.noise(2 * n_experts));
                let n = n_rows * n_chosen;
                let [ids, weights, pairs, sources, tiles, n_tiles] = [n, n, n, n, 4 * (n + n_experts), 1].map(|n| self.noise(2 * n));
                let list = List { tile_rows: 16, pairs: pairs.ptr(), sources: sources.ptr(), tiles: tiles.ptr(), n_tiles: n_tiles.ptr() };
                let pairs = Pairs { rows: n_rows, n_experts, n_chosen, ids: ids.ptr(), weights: weights.ptr() };
                let routing = Routing {
                    logits: logits.ptr(),
                    n_parts: 1,
                    scores: if sigmoid { Scores::Sigmoid { bias: bias.ptr() } } else { Scores::Softmax },
                    n_groups: 1,
                    n_kept_groups: 1,
                    renormalize: true,
                    scale: 1.0,
                };
                // SAFETY: the buffers have these shapes.
                let seconds = self.time(50, |_| unsafe { routing.launch_listed(device, &pairs, &list) }.expect("launch"));
                self.line(&format!("route and sort {n_rows} rows, {n_chosen} of {n_experts}"), seconds, 4 * n_rows * n_experts + 12 * n);
            }
        }
    }

    /// The whole layer: norm, router, experts, the shared one, the sum.
    fn few_tokens(&self) {
        let (device, width) = (&self.device, 2048);
        for (model, inner, n_experts, n_chosen, shared) in [("Qwen3-30B-A3B", 768, 128, 8, 0), ("Kimi-VL-A3B", 1408, 64, 6, 2816)] {
            let [gate_up, down] = [2, 1].map(|n| self.noise(n * n_experts * inner * width));
            let layers: Vec<[Buffer; 2]> = (0..8).map(|_| [2, 1].map(|n| self.noise((n * shared * width).max(8)))).collect();
            let (gate, norm) = (self.noise(n_experts * width), self.noise(width));
            for n_rows in [1, 2, 4, 8] {
                // Runs choose differently, so that weights come from memory.
                let noise = self.noise(16 * 64 * width);
                let mut few = FewTokens {
                    rows: n_rows,
                    width,
                    inner,
                    n_experts,
                    n_chosen,
                    norm: Norm { weight: norm.ptr(), eps: 1e-6 },
                    gate: gate.ptr(),
                    routing: Routing {
                        logits: 0,
                        n_parts: 1,
                        scores: Scores::Softmax,
                        n_groups: 1,
                        n_kept_groups: 1,
                        renormalize: true,
                        scale: 1.0,
                    },
                    gate_up: gate_up.ptr(),
                    down: down.ptr(),
                    shared: None,
                    x: 0,
                    scratch: 0,
                };
                let scratch = Buffer::new(device, few.scratch_len() + 2 * n_rows * shared).expect("room");
                few.scratch = scratch.ptr();
                let layer = |run: usize| {
                    let [gate_up, down] = layers[run % layers.len()].each_ref().map(Buffer::ptr);
                    let shared = (shared > 0).then_some(Shared { inner: shared, gate_up, down });
                    FewTokens { shared, x: noise.ptr() + (run % 16 * 64 * width * 2) as u64, ..few }
                };
                if !layer(0).is_possible(device) {
                    continue;
                }
                // SAFETY: the buffers have these shapes.
                let seconds = self.time(64, |run| unsafe { layer(run).launch(device) }.expect("launch"));
                let in_use = n_experts as f64 * (1.0 - (1.0 - n_chosen as f64 / n_experts as f64).powi(n_rows as i32));
                let values = width as f64 * (3.0 * (in_use * inner as f64 + shared as f64) + n_experts as f64);
                println!(
                    "| {model}, {n_rows} rows, the layer by row | {:.1} | {:.0} % | |",
                    seconds * 1e6,
                    2.0 * values / seconds / self.copy * 100.0
                );
            }
        }
    }

    /// Sorting, both products and the sum. Weights are counted once for every expert that is in use.
    fn experts(&self) {
        let width = 2048;
        for (model, inner, n_experts, n_chosen) in [("Qwen3-30B-A3B", 768, 128, 8), ("Kimi-VL-A3B", 1408, 64, 6)] {
            let gate_up = self.noise(n_experts * 2 * inner * width);
            let down = self.noise(n_experts * inner * width);
            for n_rows in [1, 2, 4, 8, 16, 64, 256, 512, 2048, 8192] {
                // Runs choose differently, so that weights come from memory.
                let sets: Vec<Vec<i32>> = (0..16).map(|seed| self.choices(seed, n_rows, n_experts, n_chosen)).collect();
                let in_use =
                    sets.iter().map(|set| (0..n_experts as i32).filter(|id| set.contains(id)).count()).sum::<usize>() as f64 / 16.0;
                let ids: Vec<Buffer> = sets.into_iter().map(|set| self.integers(set)).collect();
                let (x, out, weights) = (self.noise(n_rows * width), self.noise(n_rows * width), self.noise(2 * n_rows * n_chosen));
                let mut experts = Experts {
                    pairs: Pairs { rows: n_rows, n_experts, n_chosen, ids: 0, weights: weights.ptr() },
                    routing: None,
                    width,
                    inner,
                    x: x.ptr(),
                    gate_up: gate_up.ptr(),
                    down: down.ptr(),
                    base: 0,
                    out: out.ptr(),
                    scratch: 0,
                };
                let scratch = Buffer::new(&self.device, experts.scratch_len()).expect("room");
                experts.scratch = scratch.ptr();
                for form in [Form::FewRows, Form::ManyRows] {
                    let is_slow = form == Form::FewRows && n_rows > 256;
                    if is_slow || form == Form::ManyRows && !self.device.is_hopper() {
                        continue;
                    }
                    let seconds = self.time(if n_rows < 512 { 64 } else { 16 }, |run| {
                        let experts = Experts { pairs: Pairs { ids: ids[run % ids.len()].ptr(), ..experts.pairs }, ..experts };
                        // SAFETY: the buffers have these shapes.
                        unsafe { experts.launch_as(&self.device, form) }.expect("launch");
                    });
                    let values = 3.0 * (inner * width) as f64;
                    println!(
                        "| {model}, {n_rows} rows, {form:?} | {:.1} | {:.0} % | {:.0} |",
                        seconds * 1e6,
                        2.0 * in_use * values / seconds / self.copy * 100.0,
                        2.0 * values * (n_rows * n_chosen) as f64 / seconds / 1e12
                    );
                }
            }
        }
    }

    fn attention(&self) {
        for (n_heads, n_kv_heads, head_dim, value_dim, causal, lengths) in [
            (32, 8, 128, 128, true, vec![8192]),
            (32, 8, 128, 128, true, vec![2048; 4]),
            (32, 8, 128, 128, true, vec![1024; 8]),
            (16, 16, 64, 64, false, vec![1024; 8]),
            (16, 16, 64, 64, false, vec![16_384]),
            (16, 16, 64, 64, false, vec![784; 20]),
            (16, 16, 72, 72, false, vec![1024; 8]),
            (16, 16, 72, 72, false, vec![16_384]),
            (16, 16, 72, 72, false, vec![784; 20]),
            (16, 16, 192, 128, true, vec![8192]),
        ] {
            let total: usize = lengths.iter().sum();
            let [q, k, v] =
                [n_heads * head_dim, n_kv_heads * head_dim, n_kv_heads * value_dim].map(|width| (self.noise(total * width), width));
            let out = self.noise(total * n_heads * value_dim);
            let starts = std::iter::once(0).chain(lengths.iter().scan(0, |sum, length| {
                *sum += length;
                Some(*sum)
            }));
            let cu_seqlens = self.integers(starts.map(|start| start as i32));
            let tile_rows = tile_rows(&self.device, head_dim, value_dim).expect("a kernel");
            let list = tiles(lengths.iter().map(|length| (*length, *length)), tile_rows, causal);
            let tiles = self.integers(list.iter().flatten().copied());
            let rows = |(buffer, width): &(Buffer, usize)| Rows { ptr: buffer.ptr(), stride: *width, len: total };
            let attention = Attention {
                out: out.ptr(),
                q: rows(&q),
                k: rows(&k),
                v: rows(&v),
                n_heads,
                n_kv_heads,
                head_dim,
                value_dim,
                cu_seqlens: cu_seqlens.ptr(),
                keys: Keys::Contiguous { cu_seqlens: cu_seqlens.ptr() },
                tiles: tiles.ptr(),
                n_tiles: list.len(),
                causal,
                scale: (head_dim as f32).powf(-0.5),
            };
            // SAFETY: the buffers have these shapes.
            let seconds = self.time(30, |_| unsafe { attention.launch(&self.device) }.expect("launch"));
            let pairs: f64 = lengths.iter().map(|length| (length * length) as f64).sum::<f64>() / if causal { 2.0 } else { 1.0 };
            let flops = 2.0 * pairs * (head_dim + value_dim) as f64 * n_heads as f64;
            let mask = if causal { "causal" } else { "full" };
            let (n, length) = (lengths.len(), lengths[0]);
            println!(
                "| {head_dim}/{value_dim} {mask}, {n_heads}/{n_kv_heads} heads, {n} × {length} | {:.1} | {:.0} |",
                seconds * 1e6,
                flops / seconds / 1e12
            );
        }
    }
}
