//! Passes over one row of logits. The rows are long (50k to 250k values) and every generated token needs at least one
//! pass, so each loop is written to vectorise and is compiled a second time for AVX2.

/// Values that one running sum covers; sums of blocks are added in f64.
const BLOCK: usize = 256;

/// Declares `pub fn name(..)` with a copy for AVX2+FMA machines, chosen when called.
macro_rules! multiversion {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        pub fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn generic($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
                    generic($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                    // SAFETY: the features were just detected.
                    return unsafe { avx2($($arg),*) };
                }
            }
            generic($($arg),*)
        }
    };
}

multiversion! {
    /// The largest value; negative infinity for an empty row. NaN is ignored.
    pub fn max(row: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; 32];
        let (chunks, tail) = row.as_chunks::<32>();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = if x > *lane { x } else { *lane };
            }
        }
        let mut best = f32::NEG_INFINITY;
        for &x in lanes.iter().chain(tail) {
            best = if x > best { x } else { best };
        }
        best
    }
}

multiversion! {
    /// The first index that holds `value`.
    pub fn position(row: &[f32], value: f32) -> Option<usize> {
        let (chunks, tail) = row.as_chunks::<64>();
        for (i, chunk) in chunks.iter().enumerate() {
            let mut found = 0u32;
            for &x in chunk {
                found |= u32::from(x == value);
            }
            if found != 0 {
                return chunk.iter().position(|&x| x == value).map(|j| i * 64 + j);
            }
        }
        tail.iter().position(|&x| x == value).map(|j| chunks.len() * 64 + j)
    }
}

/// Index of the largest value, the lowest of equal ones; `None` if nothing is above negative infinity.
pub fn argmax(row: &[f32]) -> Option<usize> {
    let best = max(row);
    if best == f32::NEG_INFINITY { None } else { position(row, best) }
}

/// `e^x` for `x <= 0`, relative error below 3e-7; 0 below −87.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    // e^x = 2^n · e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; the constant rounds by using up the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -87.0 { -87.0 } else { x };
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_65;
    let p = p * r + 0.5;
    let e = p * r * r + r + 1.0;
    let scale = f32::from_bits((((n as i32) + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { e * scale }
}

#[inline(always)]
fn block_sum(block: &[f32], max: f32, inv_temperature: f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, tail) = block.as_chunks::<16>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += exp_negative((x - max) * inv_temperature);
        }
    }
    let mut sum: f32 = lanes.iter().sum();
    for &x in tail {
        sum += exp_negative((x - max) * inv_temperature);
    }
    sum
}

multiversion! {
    /// Sum of `e^((x − max) · inv_temperature)`; `max` must be the row's largest value.
    pub fn exp_sum(row: &[f32], max: f32, inv_temperature: f32) -> f64 {
        row.chunks(BLOCK).map(|block| f64::from(block_sum(block, max, inv_temperature))).sum()
    }
}

multiversion! {
    /// The index where the cumulative weight `e^((x − max) · inv_temperature)` first exceeds `u` (in `[0, 1)`) of the whole.
    pub fn draw(row: &[f32], max: f32, inv_temperature: f32, u: f64) -> usize {
        let mut target = u * row.chunks(BLOCK).map(|block| f64::from(block_sum(block, max, inv_temperature))).sum::<f64>();
        let mut last = 0;
        for (i, block) in row.chunks(BLOCK).enumerate() {
            let sum = f64::from(block_sum(block, max, inv_temperature));
            if target >= sum {
                target -= sum;
                if sum > 0.0 {
                    last = i;
                }
                continue;
            }
            return i * BLOCK + draw_in_block(block, max, inv_temperature, target);
        }
        // Rounding used up the whole sum: the last index that has any weight.
        let block = &row[last * BLOCK..row.len().min((last + 1) * BLOCK)];
        last * BLOCK + draw_in_block(block, max, inv_temperature, f64::INFINITY)
    }
}

#[inline(always)]
fn draw_in_block(block: &[f32], max: f32, inv_temperature: f32, mut target: f64) -> usize {
    let mut last = 0;
    for (j, &x) in block.iter().enumerate() {
        let weight = f64::from(exp_negative((x - max) * inv_temperature));
        if weight > 0.0 {
            last = j;
        }
        if target < weight {
            return j;
        }
        target -= weight;
    }
    last
}

multiversion! {
    /// Appends `(value, index)` of every value at or above `threshold`, in order of index.
    pub fn collect_above(row: &[f32], threshold: f32, out: &mut Vec<(f32, u32)>) {
        for (i, chunk) in row.chunks(64).enumerate() {
            let mut found = 0u32;
            for &x in chunk {
                found |= u32::from(x >= threshold);
            }
            if found != 0 {
                out.extend(chunk.iter().enumerate().filter(|(_, x)| **x >= threshold).map(|(j, &x)| (x, (i * 64 + j) as u32)));
            }
        }
    }
}

/// Negative infinity wherever the bit of `bits` (32 a word, lowest first) is clear, and past its end.
pub fn apply_mask(row: &mut [f32], bits: &[u32]) {
    for (i, chunk) in row.chunks_mut(32).enumerate() {
        match bits.get(i).copied().unwrap_or(0) {
            u32::MAX => {}
            0 => chunk.fill(f32::NEG_INFINITY),
            word => {
                for (j, x) in chunk.iter_mut().enumerate() {
                    if word >> j & 1 == 0 {
                        *x = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 20) as f32 - 8.0
            })
            .collect()
    }

    #[test]
    fn argmax_takes_the_lowest_of_equal_values() {
        for n in [1, 31, 32, 33, 64, 100, 1000] {
            let mut values = row(n, n as u32);
            let at = n / 3;
            values[at] = 100.0;
            values[n - 1] = 100.0;
            assert_eq!(argmax(&values), Some(at.min(n - 1)));
        }
        assert_eq!(argmax(&[f32::NAN, 1.0, f32::NEG_INFINITY]), Some(1));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 40]), None);
        assert_eq!(argmax(&[]), None);
    }

    #[test]
    fn sums_match_f64_arithmetic() {
        for (n, inv_t) in [(1, 1.0), (255, 0.7), (5000, 1.0), (5001, 3.0)] {
            let values = row(n, 7);
            let m = max(&values);
            let want: f64 = values.iter().map(|&x| (f64::from(x - m) * f64::from(inv_t)).exp()).sum();
            let got = exp_sum(&values, m, inv_t);
            assert!((got / want - 1.0).abs() < 1e-5, "{n}: {got} {want}");
        }
        assert_eq!(exp_sum(&[0.0, f32::NEG_INFINITY], 0.0, 1.0), 1.0);
    }

    #[test]
    fn a_draw_lands_where_the_cumulative_weight_says() {
        let values = row(1000, 3);
        let m = max(&values);
        let total = exp_sum(&values, m, 1.0);
        for step in 0..200 {
            let u = f64::from(step) / 200.0;
            let index = draw(&values, m, 1.0, u);
            let before: f64 = values[..index].iter().map(|&x| f64::from(x - m).exp()).sum();
            let after = before + f64::from(values[index] - m).exp();
            assert!(before <= u * total + 1e-3 && u * total <= after + 1e-3, "{u}: {before} {after}");
        }
        assert_eq!(draw(&[f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY], 0.0, 1.0, 0.999_999_999_999_999_9), 1);
    }

    #[test]
    fn masked_values_never_come_back() {
        let mut values = row(100, 5);
        apply_mask(&mut values, &[u32::MAX, 0, 0b101]);
        assert!(values[..32].iter().all(|x| x.is_finite()));
        assert!(values[32..64].iter().all(|x| *x == f32::NEG_INFINITY));
        let left: Vec<usize> = (64..100).filter(|&i| values[i].is_finite()).collect();
        assert_eq!(left, [64, 66]);
        let mut found = Vec::new();
        collect_above(&values, f32::MIN, &mut found);
        assert_eq!(found.len(), 34);
    }
}
