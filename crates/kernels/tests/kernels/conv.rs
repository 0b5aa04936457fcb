//! Convolutions and what stands around them, against plain loops in f64.

use ashlar_kernels::conv::{Codebook, Conv1, Conv3, FeatureMap, GroupNorm};

use super::{Random, assert_close, bits, pools};

/// Channels, height and width; odd ones too.
const SIZES: [(usize, usize, usize); 5] = [(3, 8, 8), (64, 6, 10), (33, 5, 7), (96, 4, 32), (128, 2, 2)];

/// Values channel by channel.
struct Planes {
    values: Vec<f32>,
    channels: usize,
    height: usize,
    width: usize,
}

impl Planes {
    fn random(random: &mut Random, (channels, height, width): (usize, usize, usize)) -> Self {
        Self { values: random.normals(channels * height * width), channels, height, width }
    }

    fn map(&self) -> FeatureMap {
        FeatureMap::from_planes(&self.values, self.channels, self.height, self.width)
    }

    /// Zero outside.
    fn at(&self, c: usize, y: isize, x: isize) -> f64 {
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        if inside { self.values[(c * self.height + y as usize) * self.width + x as usize].into() } else { 0.0 }
    }

    fn convolved(&self, weight: &[f32], bias: &[f32], stride: usize) -> Vec<f64> {
        let pad = if stride == 1 { 1 } else { 0 };
        let mut out = Vec::new();
        for (kernel, bias) in weight.chunks_exact(9 * self.channels).zip(bias) {
            for y in 0..self.height / stride {
                for x in 0..self.width / stride {
                    let seen = (0..9 * self.channels).map(|i| {
                        let (y, x) = ((y * stride + i % 9 / 3) as isize - pad, (x * stride + i % 3) as isize - pad);
                        f64::from(kernel[i]) * self.at(i / 9, y, x)
                    });
                    out.push(seen.sum::<f64>() + f64::from(*bias));
                }
            }
        }
        out
    }
}

#[test]
fn convolutions_see_their_neighbours() {
    let mut random = Random::new(1);
    for size in SIZES {
        for (n_out, stride) in [(3, 1), (32, 1), (100, 1), (48, 2)] {
            let x = Planes::random(&mut random, size);
            if size.1 % stride + size.2 % stride > 0 {
                continue;
            }
            let (weight, bias) = (random.normals(n_out * 9 * size.0), random.normals(n_out));
            let want = x.convolved(&weight, &bias, stride);
            let conv = Conv3::new(&weight, bias, size.0, stride);
            let mut first = None;
            for pool in pools() {
                let bordered = x.map().bordered(&pool);
                let got = conv.forward(&pool, &bordered);
                assert_close(&got.planes(), &want, 1e-4);
                let same = first.get_or_insert_with(|| bits(got.values()));
                assert_eq!(*same, bits(got.values()), "the same bits on {:?}", pool.level());

                let mut sum = got.clone();
                conv.add(&pool, &bordered, &mut sum);
                assert_close(&sum.planes(), &want.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), 2e-4);
            }
        }
    }
}

#[test]
fn pointwise_convolutions_are_linear_layers() {
    let mut random = Random::new(2);
    for size @ (channels, height, width) in SIZES {
        let x = Planes::random(&mut random, size);
        let (weight, bias) = (random.normals(40 * channels), random.normals(40));
        let places = height * width;
        let value = |i: usize| {
            let products =
                (0..channels).map(|c| f64::from(weight[i / places * channels + c]) * f64::from(x.values[c * places + i % places]));
            products.sum::<f64>() + f64::from(bias[i / places])
        };
        let want: Vec<f64> = (0..40 * places).map(value).collect();
        let conv = Conv1::new(&weight, bias.clone(), channels);
        for pool in pools() {
            assert_close(&conv.forward(&pool, &x.map()).planes(), &want, 2e-5);
        }
    }
}

#[test]
fn group_norms_know_their_group() {
    let mut random = Random::new(3);
    for (size, n_groups) in [((64, 6, 10), 32), ((33, 5, 7), 3), ((96, 4, 32), 32), ((128, 9, 3), 1)] {
        let (channels, height, width) = size;
        let mut x = Planes::random(&mut random, size);
        // Far from zero, where a variance is easily lost.
        x.values.iter_mut().for_each(|x| *x += 100.0);
        let (weight, bias) = (random.normals(channels), random.normals(channels));
        let n = channels / n_groups * height * width;
        let mut want = Vec::new();
        for (group, values) in x.values.chunks_exact(n).enumerate() {
            let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
            let variance = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n as f64;
            for (i, x) in values.iter().enumerate() {
                let channel = group * (channels / n_groups) + i / (height * width);
                want.push((f64::from(*x) - mean) / (variance + 1e-6).sqrt() * f64::from(weight[channel]) + f64::from(bias[channel]));
            }
        }
        let norm = GroupNorm::new(weight, bias, n_groups, 1e-6);
        // One output channel for each input, of the place itself: shows what a convolution is given.
        let mut itself = vec![0.0; channels * channels * 9];
        (0..channels).for_each(|c| itself[(c * channels + c) * 9 + 4] = 1.0);
        let itself = Conv3::new(&itself, vec![0.0; channels], channels, 1);
        let mut first = None;
        for pool in pools() {
            let got = norm.forward(&pool, &x.map());
            assert_close(&got.planes(), &want, 1e-4);
            let same = first.get_or_insert_with(|| bits(got.values()));
            assert_eq!(*same, bits(got.values()), "the same bits on {:?}", pool.level());
            let swish: Vec<f64> = want.iter().map(|y| y / (1.0 + (-y).exp())).collect();
            assert_close(&itself.forward(&pool, &norm.forward_silu(&pool, &x.map())).planes(), &swish, 1e-4);
        }
    }
}

#[test]
fn maps_are_doubled_added_and_attended_to() {
    let mut random = Random::new(4);
    let size = (32, 3, 5);
    let [q, k, v] = [(); 3].map(|()| Planes::random(&mut random, size));
    let mut itself = vec![0.0; 32 * 32 * 9];
    (0..32).for_each(|c| itself[(c * 32 + c) * 9 + 4] = 1.0);
    let itself = Conv3::new(&itself, vec![0.0; 32], 32, 1);
    for pool in pools() {
        let doubled = itself.forward(&pool, &q.map().upsampled(&pool));
        let want: Vec<f64> = (0..32 * 60).map(|i| q.at(i / 60, (i % 60 / 20) as isize, (i % 10 / 2) as isize)).collect();
        assert_close(&doubled.planes(), &want, 0.0);

        let mut sum = q.map();
        sum.add(&pool, &k.map());
        assert_close(&sum.planes(), &q.values.iter().zip(&k.values).map(|(a, b)| f64::from(a + b)).collect::<Vec<_>>(), 0.0);

        let place = |planes: &Planes, i: usize| (0..32).map(|c| f64::from(planes.values[c * 15 + i])).collect::<Vec<_>>();
        let mut want = vec![0.0; 32 * 15];
        for i in 0..15 {
            let dot = |j: usize| place(&q, i).iter().zip(place(&k, j)).map(|(a, b)| a * b).sum::<f64>() / 32f64.sqrt();
            let weights: Vec<f64> = (0..15).map(|j| dot(j).exp()).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..32 {
                want[c * 15 + i] = (0..15).map(|j| weights[j] / total * place(&v, j)[c]).sum();
            }
        }
        assert_close(&FeatureMap::attend(&pool, &q.map(), &k.map(), &v.map()).planes(), &want, 1e-5);
    }
}

#[test]
fn the_nearest_row_is_found_and_the_first_of_equals() {
    let mut random = Random::new(5);
    let mut rows = random.normals(100 * 24);
    let (first, second) = rows.split_at_mut(50 * 24);
    second[..24].copy_from_slice(&first[..24]);
    let codebook = Codebook::new(&rows, 24);
    let wanted: Vec<u32> = (0..400).map(|_| random.below(100) as u32).collect();
    let values = wanted.iter().flat_map(|row| rows[*row as usize * 24..][..24].iter().map(|x| x + 0.01).collect::<Vec<_>>()).collect();
    let places = FeatureMap::new(values, 20, 20, 24);
    for pool in pools() {
        let got = codebook.nearest(&pool, &places);
        assert_eq!(got, wanted.iter().map(|row| if *row == 50 { 0 } else { *row }).collect::<Vec<_>>());
    }
}
