//! Loops over pixels: resampling, patches, interpolated position tables.

/// Rows of 8-bit RGB, three bytes a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    pub width: usize,
    pub height: usize,
    /// `width · height · 3` bytes.
    pub data: Vec<u8>,
}

/// Puts a picture with transparency on white.
pub fn flatten_on_white(width: usize, height: usize, rgba: &[u8]) -> Rgb {
    assert_eq!(rgba.len(), width * height * 4);
    let mut data = Vec::with_capacity(width * height * 3);
    for pixel in rgba.chunks_exact(4) {
        let alpha = f64::from(pixel[3]) / 255.0;
        for &value in &pixel[..3] {
            // In double precision and truncated, as numpy does it.
            data.push(((1.0 - alpha) * 255.0 + alpha * f64::from(value)) as u8);
        }
    }
    Rgb { width, height, data }
}

/// Bits after the point of resampling weights, as Pillow has them.
const PRECISION: u32 = 22;

/// The weights of one output position: which inputs, times what.
struct Taps {
    start: usize,
    weights: Vec<i32>,
}

#[derive(Clone, Copy)]
enum Filter {
    Bicubic,
    Lanczos,
}

impl Filter {
    /// Neighbours on each side at full size.
    fn support(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        if x >= self.support() {
            return 0.0;
        }
        match self {
            Self::Bicubic => {
                const A: f64 = -0.5;
                if x < 1.0 { ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0 } else { (((x - 5.0) * x + 8.0) * x - 4.0) * A }
            }
            Self::Lanczos => {
                let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
                sinc(x) * sinc(x / 3.0)
            }
        }
    }
}

/// The filter over `max(1, n_in / n_out)` times its support: antialiased when shrinking.
fn taps(filter: Filter, n_in: usize, n_out: usize) -> Vec<Taps> {
    let scale = n_in as f64 / n_out as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    (0..n_out)
        .map(|i| {
            let center = (i as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(n_in);
            let weights: Vec<f64> = (start..end).map(|x| filter.weight((x as f64 - center + 0.5) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |w: &f64| (w / sum * f64::from(1u32 << PRECISION)).round() as i32;
            Taps { start, weights: weights.iter().map(fixed).collect() }
        })
        .collect()
}

fn to_u8(sum: i64) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Cubic convolution with a = −0.5, antialiased, on 8-bit values, first along rows, then along columns, rounded after
/// each: Pillow's method, up to a grey level where it takes columns first; torchvision's up to two.
pub fn resize_bicubic(image: &Rgb, width: usize, height: usize) -> Rgb {
    resize(Filter::Bicubic, image, width, height)
}

/// As [`resize_bicubic`], with Lanczos' filter of three lobes.
pub fn resize_lanczos(image: &Rgb, width: usize, height: usize) -> Rgb {
    resize(Filter::Lanczos, image, width, height)
}

fn resize(filter: Filter, image: &Rgb, width: usize, height: usize) -> Rgb {
    assert!(image.width > 0 && image.height > 0 && width > 0 && height > 0);
    assert_eq!(image.data.len(), image.width * image.height * 3);
    const HALF: i64 = 1 << (PRECISION - 1);
    let wide = if width == image.width {
        image.data.clone()
    } else {
        let taps = taps(filter, image.width, width);
        let mut out = Vec::with_capacity(width * image.height * 3);
        for row in image.data.chunks_exact(image.width * 3) {
            for tap in &taps {
                let mut sums = [HALF; 3];
                for (pixel, weight) in row[tap.start * 3..].chunks_exact(3).zip(&tap.weights) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += i64::from(*value) * i64::from(*weight);
                    }
                }
                out.extend(sums.map(to_u8));
            }
        }
        out
    };
    if height == image.height {
        return Rgb { width, height, data: wide };
    }
    let stride = width * 3;
    let mut data = Vec::with_capacity(stride * height);
    let mut sums = vec![HALF; stride];
    for tap in taps(filter, image.height, height) {
        sums.fill(HALF);
        for (row, weight) in wide[tap.start * stride..].chunks_exact(stride).zip(&tap.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i64::from(*value) * i64::from(*weight);
            }
        }
        data.extend(sums.iter().map(|s| to_u8(*s)));
    }
    Rgb { width, height, data }
}

/// How a picture is cut into rows for a vision tower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patches {
    /// Side of a patch in pixels.
    pub size: usize,
    /// Side of a block of neighbouring patches that follow each other.
    pub merge: usize,
    /// `(value / 255 − mean) / std` of each channel.
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// Appends the patches of one group of frames (all of one size, a multiple of `size · merge`): blocks row by row, patches
/// of a block row by row; each patch is `[channel, frame, row, column]` of normalised values.
pub fn append_patches(frames: &[&Rgb], patches: Patches, out: &mut Vec<f32>) {
    let Patches { size, merge, mean, std } = patches;
    let (width, height) = frames.first().map_or((0, 0), |f| (f.width, f.height));
    assert!(frames.iter().all(|f| f.width == width && f.height == height && f.data.len() == width * height * 3));
    assert!(width % (size * merge) == 0 && height % (size * merge) == 0);
    let tables: Vec<[f32; 256]> = (0..3).map(|c| std::array::from_fn(|v| (v as f32 - 255.0 * mean[c]) / (255.0 * std[c]))).collect();
    out.reserve(width * height * 3 * frames.len());
    for block_row in 0..height / (size * merge) {
        for block_col in 0..width / (size * merge) {
            for r in 0..merge {
                for c in 0..merge {
                    let top = (block_row * merge + r) * size;
                    let left = (block_col * merge + c) * size;
                    for (channel, table) in tables.iter().enumerate() {
                        for frame in frames {
                            for y in top..top + size {
                                let row = &frame.data[(y * width + left) * 3..][..size * 3];
                                out.extend(row.chunks_exact(3).map(|p| table[p[channel] as usize]));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A square table `[side², dim]` of position embeddings, stretched bilinearly (corners on corners) over an `h × w` grid:
/// `[h·w, dim]` in the block order of [`append_patches`].
pub fn interpolate_positions(table: &[f32], side: usize, dim: usize, h: usize, w: usize, merge: usize) -> Vec<f32> {
    let lines = |n: usize| -> Vec<Line<2>> {
        let step = if n > 1 { (side - 1) as f32 / (n - 1) as f32 } else { 0.0 };
        (0..n)
            .map(|i| {
                // From the nearer end, so that the last line falls on the last entry exactly.
                let at = if i < n.div_ceil(2) { i as f32 * step } else { (side - 1) as f32 - (n - 1 - i) as f32 * step };
                let low = (at.max(0.0) as usize).min(side - 1);
                let upper = at - low as f32;
                [(low, 1.0 - upper), ((low + 1).min(side - 1), upper)]
            })
            .collect()
    };
    gather_positions(table, side, dim, (&lines(h), &lines(w)), merge)
}

/// As [`interpolate_positions`], bicubic with a = −0.75: centres on centres, edges repeated, no antialiasing.
pub fn interpolate_positions_bicubic(table: &[f32], side: usize, dim: usize, h: usize, w: usize, merge: usize) -> Vec<f32> {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let lines = |n: usize| -> Vec<Line<4>> {
        (0..n)
            .map(|i| {
                let at = side as f32 / n as f32 * (i as f32 + 0.5) - 0.5;
                let (low, t) = (at.floor(), at - at.floor());
                let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
                std::array::from_fn(|j| ((low + j as f32 - 1.0).clamp(0.0, (side - 1) as f32) as usize, weights[j]))
            })
            .collect()
    };
    gather_positions(table, side, dim, (&lines(h), &lines(w)), merge)
}

/// Lines of a table that a line of a grid is made of, and their weights.
type Line<const N: usize> = [(usize, f32); N];

/// Weighted sums of the table's rows, for each line and column of a grid.
fn gather_positions<const N: usize>(
    table: &[f32],
    side: usize,
    dim: usize,
    (rows, cols): (&[Line<N>], &[Line<N>]),
    merge: usize,
) -> Vec<f32> {
    assert_eq!(table.len(), side * side * dim);
    let mut out = vec![0.0; rows.len() * cols.len() * dim];
    let mut places = out.chunks_exact_mut(dim.max(1));
    for block_row in rows.chunks(merge) {
        for block_col in cols.chunks(merge) {
            for row in block_row {
                for col in block_col {
                    let Some(to) = places.next() else { return out };
                    for (line, down) in row {
                        for (column, across) in col {
                            let (weight, from) = (down * across, &table[(line * side + column) * dim..][..dim]);
                            to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
                        }
                    }
                }
            }
        }
    }
    out
}
