//! The sampler against a plain one in f64: a full sort, then the filters in order, then a walk by id.

use ashlar_cuda::sampler::{Guide, Logits, guide};
use ashlar_cuda::{Buffer, Device, LaunchConfig};

use super::rows::run;
use super::{Plain, Random, device, download, upload};

#[repr(C)]
#[derive(Clone, Copy)]
struct Params {
    temperature: f32,
    top_p: f32,
    min_p: f32,
    top_k: i32,
    seed: [u32; 2],
    position: [u32; 2],
    slot: i32,
    mask_row: i32,
    edits_start: i32,
    edits_len: i32,
    n_logprobs: i32,
    presence: f32,
    frequency: f32,
    repetition: f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Edit {
    id: i32,
    bias: f32,
    count: i32,
    in_prompt: i32,
    raw: f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Outcome {
    id: i32,
    logprob: f32,
    n_top: i32,
    top_ids: [i32; 20],
    top_logprobs: [f32; 20],
}

// SAFETY: words without gaps.
unsafe impl Plain for Params {}
// SAFETY: words without gaps.
unsafe impl Plain for Edit {}
// SAFETY: words without gaps.
unsafe impl Plain for Outcome {}

/// One row's request.
#[derive(Clone)]
struct Case {
    params: Params,
    mask: Option<Vec<bool>>,
    edits: Vec<Edit>,
}

impl Case {
    fn new(temperature: f32, top_k: i32, top_p: f32, min_p: f32) -> Self {
        let params = Params {
            temperature,
            top_p,
            min_p,
            top_k,
            seed: [0; 2],
            position: [0; 2],
            slot: 0,
            mask_row: -1,
            edits_start: 0,
            edits_len: 0,
            n_logprobs: -1,
            presence: 0.0,
            frequency: 0.0,
            repetition: 1.0,
        };
        Self { params, mask: None, edits: Vec::new() }
    }
}

/// Runs all rows in one launch; `rows` are `width` wide each.
fn sample(device: &Device, cases: &[Case], rows: &[Vec<f32>], width: usize, n_tokens: usize) -> Vec<Outcome> {
    let (mut params, mut masks, mut edits, mut last_tokens) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mask_words = n_tokens.div_ceil(32);
    for case in cases {
        let mut p = case.params;
        p.slot = last_tokens.len() as i32;
        last_tokens.push(-7);
        if let Some(mask) = &case.mask {
            p.mask_row = (masks.len() / mask_words) as i32;
            masks.extend(mask.chunks(32).map(|bits| bits.iter().enumerate().fold(0u32, |word, (i, bit)| word | u32::from(*bit) << i)));
        }
        (p.edits_start, p.edits_len) = (edits.len() as i32, case.edits.len() as i32);
        edits.extend_from_slice(&case.edits);
        params.push(p);
    }
    let logits = upload(device, &rows.concat());
    let [params_gpu, masks, edits, last_gpu] =
        [upload(device, &params), upload(device, &masks), upload(device, &edits), upload(device, &last_tokens)];
    let results = Buffer::zeros(device, cases.len() * size_of::<Outcome>()).expect("the GPU has room for a test");
    run!(
        device,
        "sample",
        LaunchConfig::row(cases.len(), 1024),
        logits.ptr(),
        width as i32,
        n_tokens as i32,
        params_gpu.ptr(),
        masks.ptr(),
        edits.ptr(),
        last_gpu.ptr(),
        results.ptr()
    );
    let outcomes = download::<Outcome>(device, &results);
    let last = download::<i32>(device, &last_gpu);
    for (outcome, p) in outcomes.iter().zip(&params) {
        assert_eq!(last[p.slot as usize], outcome.id, "the token is left for the next step");
    }
    outcomes
}

/// Philox4x32-10, as a number in `[0, 1)`.
fn uniform(key: [u32; 2], counter: [u32; 2]) -> f64 {
    let (mut c, mut k) = ([counter[0], counter[1], 0, 0], key);
    for _ in 0..10 {
        let (a, b) = (u64::from(c[0]) * 0xd251_1f53, u64::from(c[2]) * 0xcd9e_8d57);
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
    }
    ((u64::from(c[0]) << 32 | u64::from(c[1])) >> 11) as f64 / (1u64 << 53) as f64
}

fn changed(case: &Case, row: &[f32], n_tokens: usize) -> Vec<f32> {
    let mut x = row[..n_tokens].to_vec();
    let p = &case.params;
    for edit in &case.edits {
        let Some(x) = usize::try_from(edit.id).ok().and_then(|id| x.get_mut(id)) else { continue };
        *x += edit.bias;
        if p.repetition != 1.0 && (edit.in_prompt != 0 || edit.count > 0) {
            *x = if *x > 0.0 { *x / p.repetition } else { *x * p.repetition };
        }
        if edit.count > 0 {
            *x -= p.presence + p.frequency * edit.count as f32;
        }
    }
    if let Some(mask) = &case.mask {
        x.iter_mut().zip(mask).filter(|(_, allowed)| !**allowed).for_each(|(x, _)| *x = f32::NEG_INFINITY);
    }
    x.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = f32::NEG_INFINITY);
    x
}

/// Ids, best first.
fn sorted(x: &[f32]) -> Vec<usize> {
    let mut ids: Vec<usize> = (0..x.len()).filter(|id| x[*id] > f32::NEG_INFINITY).collect();
    ids.sort_by(|a, b| x[*b].partial_cmp(&x[*a]).expect("no NaN is left").then(a.cmp(b)));
    ids
}

/// The token that the rules choose; `shift` moves the number drawn and the share of top-p, to see what is a close call.
fn choose(p: &Params, x: &[f32], shift: [f64; 2]) -> i32 {
    let mut ids = sorted(x);
    let Some(&best) = ids.first() else { return -1 };
    if p.temperature <= 0.0 || p.top_k == 1 {
        return best as i32;
    }
    let weight = |id: &usize| (f64::from(x[*id] - x[best]) / f64::from(p.temperature)).exp();
    if p.top_k > 0 {
        ids.truncate(p.top_k as usize);
    }
    if p.top_p < 1.0 {
        let need = (f64::from(p.top_p) + shift[1]) * ids.iter().map(weight).sum::<f64>();
        let mut mass = 0.0;
        let crossing = ids.iter().position(|id| {
            mass += weight(id);
            mass >= need
        });
        ids.truncate(crossing.map_or(ids.len(), |i| i + 1));
    }
    let n = ids.iter().take_while(|id| weight(id) >= f64::from(p.min_p)).count().max(1);
    ids.truncate(n);
    ids.sort_unstable();
    let mut target = (uniform(p.seed, p.position) + shift[0]) * ids.iter().map(weight).sum::<f64>();
    let drawn = ids.iter().find(|id| {
        target -= weight(id);
        target < 0.0
    });
    *drawn.unwrap_or(&ids[ids.len() - 1]) as i32
}

#[track_caller]
fn assert_chosen(case: &Case, row: &[f32], n_tokens: usize, got: i32, what: &str) {
    let x = changed(case, row, n_tokens);
    let near = [0.0, 3e-6, -3e-6];
    let possible = near.iter().any(|u| near.iter().any(|share| choose(&case.params, &x, [*u, *share]) == got));
    assert!(possible, "{what}: {got}, {} expected", choose(&case.params, &x, [0.0; 2]));
}

/// Rows of logits with their own difficulties.
fn row(kind: usize, width: usize, random: &mut Random) -> Vec<f32> {
    let mut normal = || (0..6).map(|_| random.unit()).sum::<f32>() * 2.0;
    match kind {
        0 => (0..width).map(|_| normal()).collect(),
        1 => (0..width).map(|i| if i % 97 == 5 { normal() } else { normal() - 15.0 }).collect(),
        // Many equal values.
        2 => (0..width).map(|_| normal().round()).collect(),
        3 => vec![1.5; width],
        4 => (0..width).map(|i| if i % 7 == 3 { f32::NAN } else { normal() }).collect(),
        5 => (0..width).map(|i| if i % 50 == 0 { normal() } else { f32::NEG_INFINITY }).collect(),
        _ => vec![f32::NEG_INFINITY; width],
    }
}

#[test]
fn filters_keep_what_the_rules_keep() {
    let Some(device) = device() else { return };
    let mut random = Random(21);
    let filters = [
        (0, 1.0, 0.0),
        (1, 1.0, 0.0),
        (20, 0.8, 0.0),
        (3, 1.0, 0.4),
        (1000, 0.95, 0.0),
        (1025, 1.0, 0.0),
        (3000, 0.7, 0.01),
        (0, 0.5, 0.0),
        (0, 0.999, 0.0),
        (0, 1e-6, 0.0),
        (0, 1.0, 0.05),
        (0, 0.9, 0.3),
    ];
    // One token, an odd width with padding, more than is ever sorted at once.
    for (width, n_tokens) in [(1, 1), (1001, 990), (20_000, 19_999)] {
        for kind in 0..7 {
            let mut cases = vec![Case::new(0.0, 0, 1.0, 0.0)];
            for temperature in [0.4, 1.0, 6.0] {
                cases.extend(filters.map(|(top_k, top_p, min_p)| Case::new(temperature, top_k, top_p, min_p)));
            }
            for (i, case) in cases.iter_mut().enumerate() {
                case.params.seed = [random.next(), random.next()];
                case.params.position = [random.next(), 0];
                if i % 4 == 3 {
                    case.mask = Some((0..n_tokens).map(|_| random.below(3) > 0).collect());
                }
            }
            let rows: Vec<Vec<f32>> = cases.iter().map(|_| row(kind, width, &mut random)).collect();
            for (i, outcome) in sample(device, &cases, &rows, width, n_tokens).iter().enumerate() {
                let what = format!("row {i} of kind {kind}, {n_tokens} of {width} tokens");
                assert_chosen(&cases[i], &rows[i], n_tokens, outcome.id, &what);
                assert_eq!(outcome.n_top, 0, "{what}");
            }
        }
    }
}

#[test]
fn bias_and_penalties_change_the_choice_and_not_the_logprobs() {
    let Some(device) = device() else { return };
    let mut random = Random(22);
    for (width, n_tokens) in [(64, 64), (5003, 5000)] {
        let mut cases = Vec::new();
        for i in 0..48 {
            let mut case = if i % 2 == 0 { Case::new(0.0, 0, 1.0, 0.0) } else { Case::new(1.0, 40, 0.9, 0.0) };
            let mut ids: Vec<i32> = (0..n_tokens.min(1500) as i32).map(|id| id * (n_tokens / n_tokens.min(1500)) as i32).collect();
            ids.truncate([0, 5, 1500][i % 3]);
            ids.extend([-1, width as i32 + 3]);
            case.edits.extend(ids.iter().map(|id| Edit {
                id: *id,
                bias: [0.0, 1.5, -2.0, f32::NEG_INFINITY][random.below(4)],
                count: random.below(3) as i32,
                in_prompt: random.below(2) as i32,
                raw: 0.0,
            }));
            case.params = Params {
                seed: [random.next(), random.next()],
                presence: [0.0, 0.5][random.below(2)],
                frequency: [0.0, 0.25][random.below(2)],
                repetition: [1.0, 1.3][random.below(2)],
                n_logprobs: [-1, 0, 4, 20][i % 4],
                ..case.params
            };
            cases.push(case);
        }
        let rows: Vec<Vec<f32>> = (0..cases.len()).map(|i| row(i % 4, width, &mut random)).collect();
        for (i, outcome) in sample(device, &cases, &rows, width, n_tokens).iter().enumerate() {
            let (case, row) = (&cases[i], &rows[i]);
            let what = format!("row {i} of {n_tokens} tokens");
            assert_chosen(case, row, n_tokens, outcome.id, &what);
            let Ok(n) = usize::try_from(case.params.n_logprobs) else { continue };
            let best = row.iter().fold(f32::NEG_INFINITY, |a, x| a.max(*x));
            let log_sum = f64::from(best) + row.iter().map(|x| f64::from(x - best).exp()).sum::<f64>().ln();
            let logprob = |id: usize| (f64::from(row[id]) - log_sum) as f32;
            assert!((outcome.logprob - logprob(outcome.id as usize)).abs() < 1e-4, "{what}: {}", outcome.logprob);
            let top = &sorted(&row[..n_tokens])[..n];
            assert_eq!(outcome.n_top as usize, n, "{what}");
            for (rank, id) in top.iter().enumerate() {
                assert_eq!(outcome.top_ids[rank] as usize, *id, "{what}, rank {rank}");
                assert!((outcome.top_logprobs[rank] - logprob(*id)).abs() < 1e-4, "{what}, rank {rank}");
            }
        }
    }
}

#[test]
fn a_row_is_drawn_alike_alone_and_among_others() {
    let Some(device) = device() else { return };
    let mut random = Random(23);
    let rows: Vec<Vec<f32>> = (0..40).map(|i| row(i % 4, 3000, &mut random)).collect();
    let cases: Vec<Case> = (0..40)
        .map(|i| {
            let mut case = Case::new(1.0, [0, 50, 0, 2000][i % 4], [1.0, 0.9, 0.95, 0.9][i % 4], 0.0);
            case.params.seed = [7, i as u32];
            case
        })
        .collect();
    let together = sample(device, &cases, &rows, 3000, 3000);
    for (i, outcome) in together.iter().enumerate() {
        let alone = sample(device, &cases[i..=i], &rows[i..=i], 3000, 3000);
        assert_eq!(alone[0].id, outcome.id);
    }
}

#[test]
fn draws_follow_the_distribution() {
    let Some(device) = device() else { return };
    let row: Vec<f32> = [0.1f32, 0.2, 0.3, 0.4].map(f32::ln).to_vec();
    let cases: Vec<Case> = (0..4000)
        .map(|i| {
            let mut case = Case::new(1.0, 0, 1.0, 0.0);
            case.params.position = [i, 0];
            case
        })
        .collect();
    let mut shares = [0.0f64; 4];
    for outcome in sample(device, &cases, &vec![row; cases.len()], 4, 4) {
        shares[outcome.id as usize] += 1.0 / 4000.0;
    }
    for (got, want) in shares.iter().zip([0.1, 0.2, 0.3, 0.4]) {
        assert!((got - want).abs() < 0.03, "{shares:?}");
    }
}

#[test]
fn rows_are_guided_by_others() {
    let Some(device) = device() else { return };
    let mut random = Random(21);
    for width in [65_536usize, 1000, 1] {
        let rows: Vec<Vec<f32>> = (0..6).map(|_| (0..width).map(|_| random.unit() * 8.0).collect()).collect();
        let guides = [
            Guide { row: 4, image_row: 1, none_row: 0, image: 1.2, text: 3.0 },
            Guide { row: 2, image_row: 5, none_row: 5, image: 1.0, text: 1.5 },
        ];
        let mut want = rows.clone();
        for Guide { row, image_row, none_row, image, text } in guides {
            for i in 0..width {
                let [full, seen, none] = [row, image_row, none_row].map(|row| rows[row as usize][i]);
                want[row as usize][i] = none + image * (seen - none) + text * (full - seen);
            }
        }
        let logits = upload(device, &rows.concat());
        let guides_gpu = upload(device, &Guide::bytes(&guides));
        // SAFETY: the buffers have these shapes.
        unsafe { guide(device, Logits { ptr: logits.ptr(), width, n_tokens: width }, guides_gpu.ptr(), guides.len()) }
            .expect("the kernel starts");
        for (i, (got, want)) in download::<f32>(device, &logits).iter().zip(want.iter().flatten()).enumerate() {
            assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "{got} at {i} of rows of {width}, {want} expected");
        }
    }
}
