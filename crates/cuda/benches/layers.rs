//! How fast a decode step goes through its layers with experts, recorded as one graph, so that launches overlap as they do in a
//! model: `cargo bench -p ashlar-cuda --features device --bench layers`. Prints a Markdown table of microseconds a layer.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark that can't run should say why and stop")]

mod harness;

use ashlar_cuda::mla::{Fresh, Heads, LATENT, LatentDecode, ROW, Values};
use ashlar_cuda::moe::{FewTokens, Routing, Scores, Shared};
use ashlar_cuda::{Buffer, DecodeAttention, Epilogue, Error, FreshTokens, Graph, HeadNorms, Norm, Skinny};
use harness::Bench;

/// Their weights are several times what the GPU's cache holds.
const N_LAYERS: usize = 4;
const CONTEXT: usize = 1024;
const MAX_ROWS: usize = 4;
const WIDTH: usize = 2048;
const EPS: f32 = 1e-6;
const SCRATCH: usize = 1 << 20;

fn main() {
    let Some(bench) = Bench::open() else { return };
    println!("| layers | rows | µs | attention alone | experts alone | of the copy |\n| --- | --- | --- | --- | --- | --- |");
    for shape in [QWEN3, KIMI_VL] {
        let model = Model::new(&bench, shape);
        for rows in [1, 2, MAX_ROWS] {
            let [whole, attention, experts] = [(true, true), (true, false), (false, true)].map(|parts| model.seconds(rows, parts));
            println!(
                "| {} | {rows} | {:.1} | {:.1} | {:.1} | {:.0} % |",
                shape.name,
                whole * 1e6,
                attention * 1e6,
                experts * 1e6,
                shape.bytes(rows) / whole / bench.copy * 100.0
            );
        }
    }
}

#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    latent: bool,
    n_heads: usize,
    n_kv_heads: usize,
    /// Of the heads of queries.
    dim: usize,
    n_experts: usize,
    n_chosen: usize,
    inner: usize,
    /// Of the expert that every token goes through.
    shared: usize,
}

const QWEN3: Shape = Shape {
    name: "Qwen3-30B-A3B",
    latent: false,
    n_heads: 32,
    n_kv_heads: 4,
    dim: 128,
    n_experts: 128,
    n_chosen: 8,
    inner: 768,
    shared: 0,
};
const KIMI_VL: Shape = Shape {
    name: "Kimi-VL-A3B",
    latent: true,
    n_heads: 16,
    n_kv_heads: 1,
    dim: 192,
    n_experts: 64,
    n_chosen: 6,
    inner: 1408,
    shared: 2816,
};
/// Values of a head behind attention, and of a latent head's part that is not rotated.
const HEAD: usize = 128;

impl Shape {
    /// Columns of the product in front of attention.
    fn n_qkv(&self) -> usize {
        if self.latent { self.n_heads * self.dim + ROW } else { (self.n_heads + 2 * self.n_kv_heads) * self.dim }
    }

    /// Values of each of a layer's two caches; latents have one.
    fn cached(&self) -> usize {
        if self.latent { ROW } else { self.n_kv_heads * self.dim }
    }

    /// Values of what makes queries of latents, and of what makes values of them.
    fn of_latents(&self) -> usize {
        if self.latent { self.n_heads * LATENT * HEAD } else { 0 }
    }

    /// That a layer reads, the experts in use once.
    fn bytes(&self, rows: usize) -> f64 {
        let in_use = self.n_experts as f64 * (1.0 - (1.0 - self.n_chosen as f64 / self.n_experts as f64).powi(rows as i32));
        let experts = 3.0 * (in_use * self.inner as f64 + self.shared as f64) + self.n_experts as f64;
        let products = (self.n_qkv() + self.n_heads * HEAD) as f64;
        let caches = rows * CONTEXT * self.cached() * if self.latent { 1 } else { 2 };
        2.0 * (WIDTH as f64 * (experts + products) + (2 * self.of_latents() + caches) as f64)
    }
}

struct Layer {
    qkv: Buffer,
    o: Buffer,
    caches: [Buffer; 2],
    latents: [Buffer; 2],
    gate: Buffer,
    /// `gate_up` and `down`.
    experts: [Buffer; 2],
    shared: [Buffer; 2],
}

struct Model<'a> {
    bench: &'a Bench,
    shape: Shape,
    layers: Vec<Layer>,
    x: Buffer,
    norm: Buffer,
    qkv: Buffer,
    absorbed: Buffer,
    attended: Buffer,
    tables: Buffer,
    lens: Buffer,
    slots: Buffer,
    angles: Buffer,
    partials: Buffer,
    tickets: Buffer,
    scratch: Buffer,
}

impl<'a> Model<'a> {
    fn new(bench: &'a Bench, shape: Shape) -> Self {
        let Shape { n_heads, n_kv_heads, dim, n_experts, inner, shared, .. } = shape;
        let noise = |n: usize| bench.noise(n.max(8));
        let layer = |_| Layer {
            qkv: noise(shape.n_qkv() * WIDTH),
            o: noise(WIDTH * n_heads * HEAD),
            caches: [MAX_ROWS * CONTEXT * shape.cached(); 2].map(noise),
            latents: [shape.of_latents(); 2].map(noise),
            gate: noise(n_experts * WIDTH),
            experts: [2, 1].map(|n| noise(n * n_experts * inner * WIDTH)),
            shared: [2, 1].map(|n| noise(n * shared * WIDTH)),
        };
        let n_blocks = MAX_ROWS * CONTEXT / 32;
        let partials = LatentDecode::partials_len(MAX_ROWS, n_heads).max(DecodeAttention::partials_len(MAX_ROWS, n_heads, dim));
        Self {
            bench,
            shape,
            layers: (0..N_LAYERS).map(layer).collect(),
            x: noise(MAX_ROWS * WIDTH),
            norm: noise(WIDTH),
            qkv: noise(MAX_ROWS * shape.n_qkv()),
            absorbed: noise(MAX_ROWS * n_heads * ROW),
            attended: noise(MAX_ROWS * n_heads * HEAD),
            tables: bench.integers((0..n_blocks).map(|block| (block * 7919 % n_blocks) as i32)),
            lens: bench.integers([CONTEXT as i32; MAX_ROWS]),
            slots: bench.integers([-1; MAX_ROWS]),
            angles: noise(2 * MAX_ROWS * dim),
            partials: Buffer::new(&bench.device, partials).expect("the GPU has room"),
            tickets: Buffer::zeros(&bench.device, 4 * MAX_ROWS * n_kv_heads).expect("the GPU has room"),
            scratch: Buffer::new(&bench.device, SCRATCH).expect("the GPU has room"),
        }
    }

    /// Of a layer, of which attention or experts may be left out.
    fn seconds(&self, rows: usize, (attends, chooses): (bool, bool)) -> f64 {
        let recording = Graph::capture(&self.bench.device, || -> Result<(), Error> {
            for layer in &self.layers {
                if attends {
                    self.attend(layer, rows)?;
                }
                if chooses {
                    self.choose(layer, rows)?;
                }
            }
            Ok(())
        });
        let (graph, ()) = recording.expect("a recording");
        self.bench.time(40, |_| graph.launch().expect("a launch")) / N_LAYERS as f64
    }

    fn product(&self, rows: usize, (x, n_in): (&Buffer, usize), weight: &Buffer, (y, n_out): (&Buffer, usize)) -> Skinny {
        let is_first = n_in == WIDTH && n_out == self.shape.n_qkv();
        Skinny {
            rows,
            n_out,
            n_in,
            x: x.ptr(),
            weight: weight.ptr(),
            scales: 0,
            bias: 0,
            norm: is_first.then_some(Norm { weight: self.norm.ptr(), eps: EPS }),
            y: y.ptr(),
            epilogue: if is_first { Epilogue::Store } else { Epilogue::Add },
        }
    }

    fn attend(&self, layer: &Layer, rows: usize) -> Result<(), Error> {
        let (device, shape) = (&self.bench.device, self.shape);
        // SAFETY: the buffers have these shapes.
        unsafe {
            self.product(rows, (&self.x, WIDTH), &layer.qkv, (&self.qkv, shape.n_qkv())).launch(device)?;
            if shape.latent {
                self.attend_to_latents(layer, rows)?
            } else {
                self.attend_to_heads(layer, rows)?
            }
            self.product(rows, (&self.attended, shape.n_heads * HEAD), &layer.o, (&self.x, WIDTH)).launch(device)
        }
    }

    unsafe fn attend_to_latents(&self, layer: &Layer, rows: usize) -> Result<(), Error> {
        let (device, Shape { n_heads, dim, .. }) = (&self.bench.device, self.shape);
        let fresh = Fresh {
            heads: Heads { n: n_heads, nope: HEAD },
            latents: self.qkv.ptr() + (n_heads * dim * 2) as u64,
            latents_stride: self.shape.n_qkv(),
            queries: self.qkv.ptr(),
            queries_stride: self.shape.n_qkv(),
            norm: self.norm.ptr(),
            eps: EPS,
            angles: self.angles.ptr(),
            slots: self.slots.ptr(),
            cache: layer.caches[0].ptr(),
        };
        let decode = LatentDecode {
            rows,
            n_heads,
            out: 0,
            queries: self.absorbed.ptr(),
            cache: layer.caches[0].ptr(),
            block_tables: self.tables.ptr(),
            max_blocks: CONTEXT / 32,
            context_lens: self.lens.ptr(),
            partials: self.partials.ptr(),
            scale: 0.072,
        };
        // SAFETY: the caller's.
        unsafe {
            fresh.absorb(device, rows, layer.latents[0].ptr(), self.absorbed.ptr())?;
            decode.launch_values(device, &Values { weight: layer.latents[1].ptr(), dim: HEAD, out: self.attended.ptr() })
        }
    }

    unsafe fn attend_to_heads(&self, layer: &Layer, rows: usize) -> Result<(), Error> {
        let norms = HeadNorms { q_weight: self.norm.ptr(), k_weight: self.norm.ptr(), eps: EPS, ..HeadNorms::default() };
        let decode = DecodeAttention {
            rows,
            n_heads: self.shape.n_heads,
            n_kv_heads: self.shape.n_kv_heads,
            dim: self.shape.dim,
            out: self.attended.ptr(),
            qkv: self.qkv.ptr(),
            fresh: Some(FreshTokens { norms, angles: self.angles.ptr(), slots: self.slots.ptr() }),
            k_cache: layer.caches[0].ptr(),
            v_cache: layer.caches[1].ptr(),
            block_tables: self.tables.ptr(),
            max_blocks: CONTEXT / 32,
            context_lens: self.lens.ptr(),
            partials: self.partials.ptr(),
            tickets: self.tickets.ptr(),
            scale: 0.088,
        };
        // SAFETY: the caller's.
        unsafe { decode.launch(&self.bench.device) }
    }

    fn choose(&self, layer: &Layer, rows: usize) -> Result<(), Error> {
        let Shape { n_experts, n_chosen, inner, shared, .. } = self.shape;
        let scores = Scores::Softmax;
        let few = FewTokens {
            rows,
            width: WIDTH,
            inner,
            n_experts,
            n_chosen,
            norm: Norm { weight: self.norm.ptr(), eps: EPS },
            gate: layer.gate.ptr(),
            routing: Routing { logits: 0, n_parts: 1, scores, n_groups: 1, n_kept_groups: 1, renormalize: true, scale: 1.0 },
            gate_up: layer.experts[0].ptr(),
            down: layer.experts[1].ptr(),
            shared: (shared > 0).then_some(Shared { inner: shared, gate_up: layer.shared[0].ptr(), down: layer.shared[1].ptr() }),
            x: self.x.ptr(),
            scratch: self.scratch.ptr(),
        };
        assert!(few.scratch_len() <= SCRATCH, "the scratch is too small");
        // SAFETY: the buffers have these shapes.
        unsafe { few.launch(&self.bench.device) }
    }
}
