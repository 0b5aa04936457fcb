//! Low-rank updates against plain loops.

use ashlar_cuda::lora::{Layer, LowRank, RANK_STEP, TILE_ROWS, Tile, tile};
use ashlar_cuda::{Buffer, Device};
use half::bf16;

use super::{Random, bytes_of, device, download, to_bf16, upload};

/// Of one part: rank, scale, `a` `[rank, n_in]`, `b` `[n_out, rank]`.
struct Update {
    rank: usize,
    scale: f32,
    a: Vec<f32>,
    b: Vec<f32>,
}

/// An adapter of one layer, and what keeps its memory.
struct Adapter {
    parts: Vec<Option<Update>>,
    layers: Buffer,
    _matrices: Vec<Buffer>,
}

fn adapter(device: &Device, random: &mut Random, n_in: usize, n_out: &[usize], ranks: &[usize]) -> Adapter {
    let (mut layer, mut stacked, mut matrices, mut parts) = (Layer::default(), Vec::new(), Vec::new(), Vec::new());
    for (part, (&n_out, &rank)) in n_out.iter().zip(ranks).enumerate() {
        if rank == 0 {
            parts.push(None);
            continue;
        }
        let (a, b) = (random.values(rank * n_in, 0.3), random.values(n_out * rank, 0.3));
        let padded = rank.next_multiple_of(RANK_STEP);
        stacked.extend_from_slice(&a);
        stacked.resize(stacked.len() + (padded - rank) * n_in, 0.0);
        let wide: Vec<f32> = b.chunks(rank).flat_map(|b| b.iter().copied().chain(std::iter::repeat_n(0.0, padded - rank))).collect();
        matrices.push(upload(device, &to_bf16(&wide)));
        layer.b[part] = matrices.last().map_or(0, Buffer::ptr);
        (layer.rank[part], layer.scale[part]) = (padded as i32, 0.5 + part as f32);
        parts.push(Some(Update { rank, scale: layer.scale[part], a, b }));
    }
    matrices.push(upload(device, &to_bf16(&stacked)));
    layer.a = matrices.last().map_or(0, Buffer::ptr);
    // The second layer of two.
    let layers = upload(device, &[Layer::default().to_bytes(), layer.to_bytes()].concat());
    Adapter { parts, layers, _matrices: matrices }
}

#[test]
fn rows_get_the_updates_of_their_adapters() {
    let Some(device) = device() else { return };
    let mut random = Random(17);
    let shapes: [(usize, &[usize], usize); 5] =
        [(4096, &[512, 128, 128], 5), (72, &[72, 24, 24], 40), (1408, &[1032], 70), (512, &[520, 520], 600), (2048, &[64], 1)];
    for (n_in, n_out, n_rows) in shapes {
        let width: usize = n_out.iter().sum();
        let adapters: Vec<Adapter> = [[16, 16, 16], [5, 0, 40], [0, 256, 3], [64, 8, 0]]
            .map(|ranks| adapter(device, &mut random, n_in, n_out, &ranks[..n_out.len()]))
            .into();
        let (x, y) = (random.values(n_rows * n_in, 1.0), random.values(n_rows * width, 1.0));
        // Some rows have none.
        let of_row: Vec<usize> = (0..n_rows).map(|_| random.below(adapters.len() + 1)).collect();
        let (mut rows, mut tiles): (Vec<i32>, Vec<Tile>) = (Vec::new(), Vec::new());
        for (i, adapter) in adapters.iter().enumerate() {
            let its: Vec<i32> = (0..n_rows).filter(|row| of_row[*row] == i).map(|row| row as i32).collect();
            for some in its.chunks(TILE_ROWS) {
                tiles.push(tile(adapter.layers.ptr(), rows.len(), some.len()));
                rows.extend_from_slice(some);
            }
        }
        // A step may have more tiles and a longer list than it needs.
        tiles.push(tile(0, 0, 0));
        rows.extend([0; 3]);
        let [x_gpu, y_gpu] = [&x, &y].map(|values| upload(device, &to_bf16(values)));
        let (tiles_gpu, rows_gpu) = (upload(device, tiles.as_flattened()), upload(device, &rows));
        let update = LowRank {
            layer: 1,
            x: x_gpu.ptr(),
            n_in,
            y: y_gpu.ptr(),
            n_out,
            tiles: tiles_gpu.ptr(),
            n_tiles: tiles.len(),
            rows: rows_gpu.ptr(),
            n_listed: rows.len(),
            max_rank: 256,
        };
        assert!(update.scratch() <= LowRank::max_scratch(n_rows + 3));
        let scratch = Buffer::new(device, update.scratch()).expect("the GPU has room for a test");
        // SAFETY: the buffers have these shapes.
        unsafe { update.launch(device, scratch.ptr()) }.expect("the kernels start");
        let got: Vec<f32> = download::<bf16>(device, &y_gpu).iter().map(|v| v.to_f32()).collect();
        let rounded = |values: &[f32]| to_bf16(values).iter().map(|v| v.to_f32()).collect::<Vec<_>>();
        for row in 0..n_rows {
            let x = rounded(&x[row * n_in..][..n_in]);
            let mut want = rounded(&y[row * width..][..width]);
            let Some(adapter) = adapters.get(of_row[row]) else {
                assert_eq!(bytes_of(&want), bytes_of(&got[row * width..][..width]), "a row without an adapter");
                continue;
            };
            let mut column = 0;
            for (part, n_out) in adapter.parts.iter().zip(n_out) {
                if let Some(Update { rank, scale, a, b }) = part {
                    let narrow: Vec<f32> =
                        rounded(a).chunks(n_in).map(|a| a.iter().zip(&x).map(|(a, x)| a * x).sum::<f32>() * scale).collect();
                    let narrow = rounded(&narrow);
                    for (want, b) in want[column..].iter_mut().zip(rounded(b).chunks(*rank)) {
                        *want += b.iter().zip(&narrow).map(|(b, n)| b * n).sum::<f32>();
                    }
                }
                column += n_out;
            }
            // Between the kernels a value is rounded to bf16, now and then the other way than here.
            let size = want.iter().map(|x| x.abs()).sum::<f32>() / width as f32;
            for (i, (got, want)) in got[row * width..].iter().zip(&want).enumerate() {
                let error = (got - want).abs();
                assert!(error <= 0.01 * (want.abs() + size), "{n_in} → {n_out:?}, row {row} of {n_rows}: {got} at {i}, {want} expected");
            }
        }
    }
}
