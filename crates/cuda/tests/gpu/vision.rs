use ashlar_cuda::vision::{Interpolation, Positions};
use ashlar_cuda::{Buffer, LaunchConfig};
use ashlar_kernels::vision::{Patches, Rgb, append_patches, interpolate_positions, interpolate_positions_bicubic};
use half::bf16;

use super::rows::run;
use super::{Random, assert_close, device, download, to_bf16, upload};

#[test]
fn patches_lie_as_the_cpu_lays_them() {
    let Some(device) = device() else { return };
    let mut random = Random(11);
    // (frames, height, width, patch, frames of a group, merge); a lone frame and an odd last one repeat.
    for (n_frames, height, width, size, temporal, merge) in
        [(1, 64, 96, 16, 2, 2), (3, 32, 64, 16, 2, 2), (2, 56, 28, 14, 2, 2), (1, 42, 28, 14, 1, 1)]
    {
        let frames: Vec<Rgb> =
            (0..n_frames).map(|_| Rgb { width, height, data: (0..width * height * 3).map(|_| random.next() as u8).collect() }).collect();
        let patches = Patches { size, merge, mean: [0.5, 0.48, 0.4], std: [0.5, 0.26, 0.27] };
        let mut want = Vec::new();
        for group in frames.chunks(temporal) {
            let filled: Vec<&Rgb> = (0..temporal).map(|t| &group[t.min(group.len() - 1)]).collect();
            append_patches(&filled, patches, &mut want);
        }
        let rgb: Vec<u8> = frames.iter().flat_map(|frame| frame.data.iter().copied()).collect();
        let rgb = upload(device, &rgb);
        let out = Buffer::zeros(device, want.len() * size_of::<bf16>()).expect("the GPU has room for a test");
        let at_once = if size % 8 == 0 { 8 } else { 1 };
        let n_threads = usize::div_ceil(n_frames, temporal) * height * width / at_once;
        let [mean, std] = [patches.mean, patches.std].map(|channels| channels.map(|x| 255.0 * x));
        run!(
            device,
            "patches",
            LaunchConfig::row(n_threads.div_ceil(256), 256),
            out.ptr(),
            rgb.ptr(),
            n_frames as i32,
            height as i32,
            width as i32,
            size as i32,
            temporal as i32,
            merge as i32,
            mean[0],
            mean[1],
            mean[2],
            std[0],
            std[1],
            std[2]
        );
        assert_eq!(download::<bf16>(device, &out), to_bf16(&want), "{n_frames} frames of {height} × {width}");
    }
}

#[test]
fn positions_follow_the_grid() {
    let Some(device) = device() else { return };
    let mut random = Random(12);
    for (h, w, side, width, merge) in [(4, 6, 48, 64, 2), (50, 2, 8, 1152, 2), (1, 7, 5, 20, 1)] {
        let n = h * w;
        let mut coords = Vec::new();
        for block in 0..n / (merge * merge) {
            for i in 0..merge * merge {
                let (row, col) = (block / (w / merge) * merge + i / merge, block % (w / merge) * merge + i % merge);
                coords.push([row as i32, col as i32, h as i32, w as i32]);
            }
        }
        let (table, x) = (random.values(side * side * width, 1.0), random.values(n * width, 1.0));
        let (table_gpu, coords_gpu) = (upload(device, &table), upload(device, &coords));
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let mut want = match interpolation {
                Interpolation::Bilinear => interpolate_positions(&table, side, width, h, w, merge),
                Interpolation::Bicubic => interpolate_positions_bicubic(&table, side, width, h, w, merge),
            };
            want.iter_mut().zip(&x).for_each(|(want, x)| *want += x);
            let x = upload(device, &to_bf16(&x));
            let positions = Positions { table: table_gpu.ptr(), side, width, interpolation };
            // SAFETY: the buffers have the shapes.
            unsafe { positions.add(device, x.ptr(), coords_gpu.ptr(), n) }.expect("the kernel starts");
            assert_close(&format!("{h} × {w} of {side}, {interpolation:?}"), &download(device, &x), &want);
        }

        let inverse: Vec<f32> = (0..18).map(|i| 1e4f32.powf(-(i as f32) / 18.0)).collect();
        let inverse_gpu = upload(device, &inverse);
        let angles = Buffer::zeros(device, n * 36 * 8).expect("the GPU has room for a test");
        run!(
            device,
            "vision_angles",
            LaunchConfig::row((n * 36).div_ceil(256), 256),
            angles.ptr(),
            coords_gpu.ptr(),
            inverse_gpu.ptr(),
            n as i32,
            18i32
        );
        for (i, [cos, sin]) in download::<[f32; 2]>(device, &angles).into_iter().enumerate() {
            let (at, pair) = (coords[i / 36], i % 36);
            let (want_sin, want_cos) = (at[pair / 18] as f32 * inverse[pair % 18]).sin_cos();
            assert!(
                (cos - want_cos).abs() < 1e-6 && (sin - want_sin).abs() < 1e-6,
                "angle {i}: {cos} {sin}, {want_cos} {want_sin} expected"
            );
        }
    }
}
