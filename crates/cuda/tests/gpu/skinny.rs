use ashlar_cuda::{Buffer, Epilogue, Norm, Skinny};
use ashlar_kernels::{Pool, dense, rows as cpu};
use half::bf16;

use super::{Random, assert_close, device, download, to_bf16, upload};

const EPS: f32 = 1e-6;
const ROWS: [usize; 4] = [1, 3, 8, 13];
/// (n_out, n_in): whole tiles and pieces, tails of both, more tiles than multiprocessors, more pieces than stages.
const SHAPES: [(usize, usize); 5] = [(64, 1024), (48, 576), (2320, 208), (4096, 64), (32, 6160)];

/// The e4m3 bytes of some numbers that e4m3 has exactly, and the numbers.
fn e4m3_values(random: &mut Random, n: usize) -> (Vec<u8>, Vec<f32>) {
    let number = |byte: u8| {
        let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
        let size = if exponent == 0 { mantissa / 8.0 * 2f32.powi(-6) } else { (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7) };
        if byte >> 7 == 1 { -size } else { size }
    };
    // Every byte but the two that are no number.
    let bytes: Vec<u8> = (0..n).map(|_| (random.below(127) | random.below(2) << 7) as u8).collect();
    let values = bytes.iter().map(|byte| number(*byte)).collect();
    (bytes, values)
}

fn zeros(len: usize) -> Option<Buffer> {
    device().map(|device| Buffer::zeros(device, len).expect("the GPU has room for a test"))
}

fn check(random: &mut Random, (n_out, n_in): (usize, usize), rows: usize, epilogue: Epilogue, fp8: bool, norm: bool) {
    let Some(device) = device() else { return };
    let pool = Pool::new(2);
    let what = format!("{epilogue:?} {n_out} × {n_in}, {rows} rows, fp8 {fp8}, norm {norm}");
    let x = random.values(rows * n_in, 2.0);
    let norm_weight = random.values(n_in, 1.0);
    let bias = random.values(n_out, 1.0);
    let scales: Vec<f32> = (0..n_out).map(|_| 0.002 * (1.5 + random.unit())).collect();
    let (weights_gpu, mut weights) = if fp8 {
        let (bytes, values) = e4m3_values(random, n_out * n_in);
        (upload(device, &bytes), values)
    } else {
        let values = random.values(n_out * n_in, 0.1);
        (upload(device, &to_bf16(&values)), values)
    };
    if fp8 {
        weights.chunks_exact_mut(n_in).zip(&scales).for_each(|(row, scale)| row.iter_mut().for_each(|w| *w *= scale));
    }

    let mut input = x.clone();
    if norm {
        cpu::rms_norm(&pool, &x, &norm_weight, EPS, &mut input);
        input.iter_mut().for_each(|v| *v = bf16::from_f32(*v).to_f32());
    }
    let mut product = vec![0.0; rows * n_out];
    dense::Matrix::from_f32(&weights, n_out, n_in).matmul(&pool, &input, Some(&bias), &mut product);
    let width = if epilogue == Epilogue::SwiGlu { n_out / 2 } else { n_out };
    let before = random.values(rows * width, 3.0);
    let want = match epilogue {
        Epilogue::Store | Epilogue::Logits => product,
        Epilogue::Add => product.iter().zip(&before).map(|(a, b)| a + b).collect(),
        Epilogue::SwiGlu => {
            let mut out = vec![0.0; rows * width];
            cpu::silu_mul(&pool, &product, width, &mut out);
            out
        }
    };

    let [x_gpu, norm_gpu, bias_gpu] = [&x, &norm_weight, &bias].map(|v| upload(device, &to_bf16(v)));
    let scales_gpu = upload(device, &scales);
    let run = |first_row: usize, rows: usize| {
        let y = match epilogue {
            Epilogue::Logits => zeros(rows * width * 4).expect("there is a device"),
            _ => upload(device, &to_bf16(&before[first_row * width..][..rows * width])),
        };
        let skinny = Skinny {
            rows,
            n_out,
            n_in,
            x: x_gpu.ptr() + (first_row * n_in * 2) as u64,
            weight: weights_gpu.ptr(),
            scales: if fp8 { scales_gpu.ptr() } else { 0 },
            bias: bias_gpu.ptr(),
            norm: norm.then(|| Norm { weight: norm_gpu.ptr(), eps: EPS }),
            y: y.ptr(),
            epilogue,
        };
        // SAFETY: the buffers have the shapes.
        unsafe { skinny.launch(device) }.expect("the kernel starts");
        y
    };
    let y = run(0, rows);
    if epilogue == Epilogue::Logits {
        let got = download::<f32>(device, &y);
        let size = want.iter().map(|x| x.abs()).sum::<f32>() / want.len() as f32;
        // Rounding of the normalised input may go the other way here and there.
        let tolerance = if norm { 2e-3 } else { 1e-4 };
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert!((got - want).abs() <= tolerance * (want.abs() + size), "{what}: {got} at {i}, {want} expected");
        }
    } else {
        assert_close(&what, &download(device, &y), &want);
    }
    let last = rows - 1;
    let (all, alone) = (download::<u8>(device, &y), download::<u8>(device, &run(last, 1)));
    assert_eq!(all[all.len() / rows * last..], alone, "{what}: a row alone has other bits");
}

#[test]
fn products_of_few_rows() {
    let mut random = Random(11);
    for (i, shape) in SHAPES.into_iter().enumerate() {
        for (j, rows) in ROWS.into_iter().enumerate() {
            for (l, epilogue) in [Epilogue::Store, Epilogue::Logits, Epilogue::Add, Epilogue::SwiGlu].into_iter().enumerate() {
                check(&mut random, shape, rows, epilogue, (i + l) % 2 == 0, (j + l) % 3 == 0 && shape.1 < 4096);
                check(&mut random, shape, rows, epilogue, (i + l) % 2 == 1, false);
            }
        }
    }
}
