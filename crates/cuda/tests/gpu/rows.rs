use ashlar_cuda::{Buffer, Device, LaunchConfig};
use ashlar_kernels::Pool;
use ashlar_kernels::rows::{self as cpu, Activation, Heads, Pairing};
use half::bf16;

use super::{Plain, Random, assert_close, bytes_of, device, download, to_bf16, upload};

/// A row, a warp, a vector, none of them, more than a block keeps.
const SHAPES: [(usize, usize); 6] = [(3, 2048), (5, 64), (2, 1152), (4, 100), (3, 37), (2, 20_480)];
const EPS: f32 = 1e-6;

fn one_block_a_row(rows: usize, width: usize) -> LaunchConfig {
    LaunchConfig::row(rows, 32 * width.div_ceil(512).clamp(1, 16) as u32)
}

fn chunks_of_rows(rows: usize, width: usize) -> LaunchConfig {
    LaunchConfig::row(rows * width.div_ceil(4096), 256)
}

/// Launches a kernel whose addresses are those of live buffers of the sizes that it wants.
macro_rules! run {
    ($($argument:expr),+ $(,)?) => {
        // SAFETY: the arguments have the kernel's types, and the test's buffers its sizes.
        unsafe { ashlar_cuda::launch!($($argument),+) }.expect("the kernel starts")
    };
}
pub(super) use run;

fn output<T: Plain>(device: &Device, n: usize) -> Buffer {
    Buffer::zeros(device, n * size_of::<T>()).expect("the GPU has room for a test")
}

/// The numbers that e4m3 bytes stand for.
fn from_e4m3(byte: u8) -> f32 {
    let (sign, exponent, mantissa) = (byte >> 7, i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let size = if exponent == 0 { mantissa / 8.0 * 2f32.powi(-6) } else { (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7) };
    if sign == 1 { -size } else { size }
}

#[track_caller]
fn assert_quantized(device: &Device, what: &str, out: &Buffer, scales: &Buffer, want: &[f32], width: usize) {
    let (bytes, scales) = (download::<u8>(device, out), download::<f32>(device, scales));
    for (row, scale) in scales.iter().enumerate() {
        let want = &want[row * width..][..width];
        let largest = want.iter().fold(0f32, |a, x| a.max(x.abs()));
        assert!((scale * 448.0 / largest - 1.0).abs() < 1e-4, "{what}: scale {scale} of row {row}, largest {largest}");
        for (i, x) in want.iter().enumerate() {
            let got = from_e4m3(bytes[row * width + i]) * scale;
            // Half a step of three mantissa bits, or of the smallest numbers.
            assert!((got - x).abs() <= x.abs() * 0.0626 + scale * 0.001, "{what}: {got} at {i} of row {row}, {x} expected");
        }
    }
}

#[test]
fn norms() {
    let Some(device) = device() else { return };
    let (pool, mut random) = (Pool::new(2), Random(1));
    for (rows, width) in SHAPES {
        let what = format!("{rows} × {width}");
        let (x, y) = (random.values(rows * width, 3.0), random.values(rows * width, 1.0));
        let (weight, bias) = (random.values(width, 1.0), random.values(width, 1.0));
        let [x_gpu, y_gpu, weight_gpu, bias_gpu] = [&x, &y, &weight, &bias].map(|v| upload(device, &to_bf16(v)));
        let (out, config) = (output::<bf16>(device, rows * width), one_block_a_row(rows, width));
        let (n_rows, n_width) = (rows as i32, width as i32);
        let mut want = vec![0.0; rows * width];

        cpu::rms_norm(&pool, &x, &weight, EPS, &mut want);
        run!(device, "rms_norm", config, out.ptr(), x_gpu.ptr(), weight_gpu.ptr(), n_rows, n_width, EPS);
        assert_close(&format!("rms_norm {what}"), &download(device, &out), &want);

        let onto = upload(device, &to_bf16(&y));
        run!(device, "rms_norm_onto", config, onto.ptr(), x_gpu.ptr(), weight_gpu.ptr(), n_rows, n_width, EPS);
        let sum: Vec<f32> = want.iter().zip(&y).map(|(normed, y)| normed + y).collect();
        assert_close(&format!("rms_norm_onto {what}"), &download(device, &onto), &sum);

        let (bytes, scales) = (output::<u8>(device, rows * width), output::<f32>(device, rows));
        run!(device, "rms_norm_fp8", config, bytes.ptr(), scales.ptr(), x_gpu.ptr(), weight_gpu.ptr(), n_rows, n_width, EPS);
        assert_quantized(device, &format!("rms_norm_fp8 {what}"), &bytes, &scales, &want, width);
        run!(device, "quantize_fp8", config, bytes.ptr(), scales.ptr(), x_gpu.ptr(), n_rows, n_width);
        assert_quantized(device, &format!("quantize_fp8 {what}"), &bytes, &scales, &x, width);

        cpu::layer_norm(&pool, &x, &weight, Some(&bias), EPS, &mut want);
        run!(device, "layer_norm", config, out.ptr(), x_gpu.ptr(), weight_gpu.ptr(), bias_gpu.ptr(), n_rows, n_width, EPS);
        assert_close(&format!("layer_norm {what}"), &download(device, &out), &want);

        cpu::add_layer_norm(&pool, &mut x.clone(), &y, &weight, Some(&bias), EPS, &mut want);
        run!(device, "add_layer_norm", config, out.ptr(), x_gpu.ptr(), y_gpu.ptr(), weight_gpu.ptr(), bias_gpu.ptr(), n_rows, n_width, EPS);
        assert_close(&format!("add_layer_norm {what}"), &download(device, &out), &want);
    }
}

#[test]
fn gates() {
    let Some(device) = device() else { return };
    let (pool, mut random) = (Pool::new(2), Random(2));
    for (rows, width) in SHAPES {
        let what = format!("{rows} × {width}");
        let gate_up = random.values(rows * 2 * width, 4.0);
        let mut want = vec![0.0; rows * width];
        cpu::silu_mul(&pool, &gate_up, width, &mut want);
        let gate_up = upload(device, &to_bf16(&gate_up));
        let out = output::<bf16>(device, rows * width);
        run!(device, "silu_mul", chunks_of_rows(rows, width), out.ptr(), gate_up.ptr(), rows as i32, width as i32);
        assert_close(&format!("silu_mul {what}"), &download(device, &out), &want);

        let (bytes, scales, config) = (output::<u8>(device, rows * width), output::<f32>(device, rows), one_block_a_row(rows, width));
        run!(device, "silu_mul_fp8", config, bytes.ptr(), scales.ptr(), gate_up.ptr(), rows as i32, width as i32);
        assert_quantized(device, &format!("silu_mul_fp8 {what}"), &bytes, &scales, &want, width);
    }
}

#[test]
fn activations_and_sums() {
    let Some(device) = device() else { return };
    let (pool, mut random) = (Pool::new(2), Random(3));
    for n in [1usize, 8, 4097, 12_345] {
        let (x, y) = (random.values(n, 5.0), random.values(n, 1.0));
        let config = LaunchConfig::row(n.div_ceil(4096), 256);
        let twin = |activation| {
            let mut x = x.clone();
            cpu::activate(&pool, activation, &mut x);
            x
        };
        let expected = [
            twin(Activation::Silu),
            twin(Activation::GeluTanh),
            twin(Activation::GeluErf),
            x.iter().map(|x| x.tanh()).collect(),
            x.iter().map(|x| x.max(0.0)).collect(),
        ];
        for (kind, want) in expected.iter().enumerate() {
            let changed = upload(device, &to_bf16(&x));
            run!(device, "activate", config, changed.ptr(), kind as i32, n as i64);
            assert_close(&format!("activation {kind} of {n}"), &download(device, &changed), want);
        }
        let (sum, y_gpu) = (upload(device, &to_bf16(&x)), upload(device, &to_bf16(&y)));
        run!(device, "add", config, sum.ptr(), y_gpu.ptr(), n as i64);
        let want: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
        assert_close(&format!("add {n}"), &download(device, &sum), &want);
    }
}

#[test]
fn rows_are_gathered_and_scattered() {
    let Some(device) = device() else { return };
    let mut random = Random(4);
    for width in [2048usize, 24, 37] {
        let row = |table: &[bf16], i: usize| table[i * width..][..width].to_vec();
        let table = to_bf16(&random.values(50 * width, 1.0));
        let table_gpu = upload(device, &table);
        // The sampler's tokens, an id that is none, one past the table.
        let last_tokens = upload(device, &[7i32, -1, 60]);
        let ids = [0i32, 49, 50, i32::MAX, -1, -2, -3];
        let (ids_gpu, out) = (upload(device, &ids), output::<bf16>(device, ids.len() * width));
        let config = one_block_a_row(ids.len(), width);
        run!(device, "embed", config, out.ptr(), table_gpu.ptr(), ids_gpu.ptr(), last_tokens.ptr(), ids.len() as i32, width as i32, 50i32);
        let want: Vec<bf16> = [0, 49, 0, 0, 7, 0, 0].into_iter().flat_map(|i| row(&table, i)).collect();
        assert_eq!(download::<bf16>(device, &out), want, "embed {width}");

        let indices: Vec<i32> = ids.iter().map(|_| random.below(50) as i32).collect();
        let indices_gpu = upload(device, &indices);
        run!(device, "gather_rows", config, out.ptr(), table_gpu.ptr(), indices_gpu.ptr(), ids.len() as i32, width as i32);
        let want: Vec<bf16> = indices.iter().flat_map(|i| row(&table, *i as usize)).collect();
        assert_eq!(download::<bf16>(device, &out), want, "gather_rows {width}");

        for add in [false, true] {
            let x = to_bf16(&random.values(40 * width, 1.0));
            let x_gpu = upload(device, &x);
            let spans = [(2usize, 9usize), (20, 1), (21, 19)];
            let sources: Vec<Vec<bf16>> = spans.iter().map(|(_, len)| to_bf16(&random.values(len * width, 1.0))).collect();
            let sources_gpu: Vec<Buffer> = sources.iter().map(|source| upload(device, source)).collect();
            let mut list = Vec::new();
            let mut want: Vec<f32> = x.iter().map(|x| x.to_f32()).collect();
            for ((row, len), (source, source_gpu)) in spans.iter().zip(sources.iter().zip(&sources_gpu)) {
                list.extend_from_slice(&source_gpu.ptr().to_le_bytes());
                list.extend_from_slice(bytes_of(&[*row as i32, *len as i32]));
                for (want, source) in want[row * width..].iter_mut().zip(source) {
                    *want = source.to_f32() + if add { *want } else { 0.0 };
                }
            }
            let list = upload(device, &list);
            let config = LaunchConfig { grid: (4, spans.len() as u32, 1), ..one_block_a_row(1, width) };
            run!(device, "visual_rows", config, x_gpu.ptr(), list.ptr(), spans.len() as i32, width as i32, i32::from(add));
            assert_close(&format!("visual_rows {width}"), &download(device, &x_gpu), &want);
        }
    }
}

#[test]
fn heads_are_normed_turned_and_stored() {
    let Some(device) = device() else { return };
    let (pool, mut random) = (Pool::new(2), Random(5));
    for (d, n_heads, n_kv_heads, threads) in [(128, 16, 8, 256), (64, 14, 2, 96), (72, 4, 4, 64), (18, 3, 2, 32), (256, 5, 1, 576)] {
        let (rows, half, n_items) = (5usize, d / 2, n_heads + 2 * n_kv_heads);
        let what = format!("d {d}, {n_heads} and {n_kv_heads} heads");
        // Positions on three axes, far enough out that arguments need a proper reduction.
        let positions: Vec<i32> = (0..3 * rows).map(|_| random.below(200_000) as i32).collect();
        let frequencies: Vec<f32> = (0..half).map(|i| 1e4f32.powf(-(i as f32) / half as f32)).collect();
        let axes: Vec<u8> = (0..half).map(|i| (i % 3) as u8).collect();
        let angle = |row: usize, i: usize| (positions[usize::from(axes[i]) * rows + row] as f32 * frequencies[i]).sin_cos();
        let (sin, cos): (Vec<f32>, Vec<f32>) = (0..rows * half).map(|i| angle(i / half, i % half)).unzip();
        let [positions_gpu, frequencies_gpu, axes_gpu] =
            [bytes_of(&positions), bytes_of(&frequencies), bytes_of(&axes)].map(|b| upload(device, b));
        let angles = output::<[f32; 2]>(device, rows * half);
        run!(
            device,
            "text_angles",
            LaunchConfig::row((rows * half).div_ceil(256), 256),
            angles.ptr(),
            positions_gpu.ptr(),
            frequencies_gpu.ptr(),
            axes_gpu.ptr(),
            rows as i32,
            half as i32
        );
        for (i, [c, s]) in download::<[f32; 2]>(device, &angles).into_iter().enumerate() {
            assert!((c - cos[i]).abs() < 1e-6 && (s - sin[i]).abs() < 1e-6, "angle {i}: {c} {s}, {} {} expected", cos[i], sin[i]);
        }

        let qkv = random.values(rows * n_items * d, 2.0);
        let [q_weight, q_bias, k_weight, k_bias] = [n_heads, n_heads, n_kv_heads, n_kv_heads].map(|heads| random.values(heads * d, 1.0));
        let slots = [3i32, -1, 0, 6, 4];
        for norm in ["layer", "rms", "no"] {
            let what = format!("{what}, {norm} norm");
            let layout = |heads| Heads { rows, stride: n_items * d, heads, dim: d };
            let mut want = qkv.clone();
            let (k, v) = (n_heads * d, (n_heads + n_kv_heads) * d);
            match norm {
                "layer" => {
                    cpu::layer_norm_heads(&pool, &mut want, layout(n_heads), &q_weight, &q_bias, EPS);
                    cpu::layer_norm_heads(&pool, &mut want[k..], layout(n_kv_heads), &k_weight, &k_bias, EPS);
                }
                "rms" => {
                    cpu::rms_norm_heads(&pool, &mut want, layout(n_heads), &q_weight[..d], EPS);
                    cpu::rms_norm_heads(&pool, &mut want[k..], layout(n_kv_heads), &k_weight[..d], EPS);
                }
                _ => {}
            }
            cpu::rope(&pool, &mut want, layout(n_heads + n_kv_heads), &cos, &sin, Pairing::Halves);

            let qkv_gpu = upload(device, &to_bf16(&qkv));
            let weights = [&q_weight, &q_bias, &k_weight, &k_bias].map(|w| upload(device, &to_bf16(w)));
            let [q_weight_ptr, q_bias_ptr, k_weight_ptr, k_bias_ptr] = weights.each_ref().map(|w| if norm == "no" { 0 } else { w.ptr() });
            let [q_bias_ptr, k_bias_ptr] = [q_bias_ptr, k_bias_ptr].map(|bias| if norm == "layer" { bias } else { 0 });
            let slots_gpu = upload(device, &slots);
            let caches = [(); 2].map(|()| output::<bf16>(device, 7 * n_kv_heads * d));
            run!(
                device,
                "rope_store",
                LaunchConfig::row(rows, threads),
                qkv_gpu.ptr(),
                q_weight_ptr,
                q_bias_ptr,
                k_weight_ptr,
                k_bias_ptr,
                angles.ptr(),
                slots_gpu.ptr(),
                caches[0].ptr(),
                caches[1].ptr(),
                rows as i32,
                n_heads as i32,
                n_kv_heads as i32,
                d as i32,
                EPS
            );
            let got = download::<bf16>(device, &qkv_gpu);
            let [k_cache, v_cache] = caches.each_ref().map(|cache| download::<bf16>(device, cache));
            let wide = n_kv_heads * d;
            let (mut want_k, mut want_v) = (vec![0.0; 7 * wide], vec![0.0; 7 * wide]);
            for (row, slot) in slots.iter().enumerate().take(rows) {
                let (from, to) = (row * n_items * d, (row + 1) * n_items * d);
                assert_close(&format!("q, {what}"), &got[from..from + k], &want[from..from + k]);
                assert_close(&format!("the rest of the row, {what}"), &got[from + k..to], &qkv[from + k..to]);
                if let Ok(slot) = usize::try_from(*slot) {
                    want_k[slot * wide..][..wide].copy_from_slice(&want[from + k..from + v]);
                    want_v[slot * wide..][..wide].copy_from_slice(&qkv[from + v..to]);
                }
            }
            assert_close(&format!("k, {what}"), &k_cache, &want_k);
            assert_close(&format!("v, {what}"), &v_cache, &want_v);

            if norm == "no" {
                let turned = upload(device, &to_bf16(&qkv));
                let (stride, n_turned) = ((n_items * d) as i32, (n_heads + n_kv_heads) as i32);
                run!(device, "rope", LaunchConfig::row(rows, threads), turned.ptr(), angles.ptr(), rows as i32, stride, n_turned, d as i32);
                assert_close(&format!("rope, {what}"), &download(device, &turned), &want);
            }
        }
    }
}
