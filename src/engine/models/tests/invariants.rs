//! What a step computes for a sequence depends on that sequence alone: not on its neighbours, the chunks its prompt comes
//! in, or the blocks its rows lie in. On the CPU to the last bit.

use super::{
    runner::{Sequence, cache, causal, load_model, step},
    tiny::{cases, prepare},
};
use crate::engine::models::CausalModel;
use crate::engine::ops::Tensor;

/// Blocks `first, first + stride, …`: sequences lie scattered and interleaved.
fn blocks(first: u32, stride: u32) -> Vec<u32> {
    (0..16).map(|i| first + i * stride).collect()
}

fn sequences(loaded: &crate::engine::models::Loaded, model: &dyn CausalModel) -> Vec<Sequence> {
    // Text, one picture, two pictures.
    let picked = ["identity-9", "single_color-0", "pair_same-8", "ocr_lines-4"];
    let cases = cases().iter().filter(|c| picked.contains(&c.name.as_str()));
    cases
        .enumerate()
        .map(|(i, case)| {
            let (media, prompt) = prepare(loaded, case);
            Sequence::new(model, prompt, &media, blocks(i as u32, 4))
        })
        .collect()
}

#[test]
fn batched_chunked_and_scattered_equal_alone() {
    let loaded = load_model("models/ashlar-tiny");
    let model = causal(&loaded);
    let all = sequences(&loaded, model);
    assert_eq!(all.len(), 4);
    let alone: Vec<_> = all
        .iter()
        .map(|s| {
            let mut contiguous = Sequence { blocks: (0..16).collect(), ..Sequence::new(model, s.prompt.clone(), &[], Vec::new()) };
            contiguous.features = s.features.clone();
            step(model, &mut cache(model, 16), &[(&contiguous, 0..contiguous.len())]).remove(0)
        })
        .collect();

    let whole: Vec<_> = all.iter().map(|s| (s, 0..s.len())).collect();
    assert_eq!(step(model, &mut cache(model, 64), &whole), alone, "packed together");

    for chunk in [1, 3, 7, 16, 33] {
        let mut kv = cache(model, 64);
        let mut done = vec![0; all.len()];
        let mut last = vec![Vec::new(); all.len()];
        while done.iter().zip(&all).any(|(d, s)| *d < s.len()) {
            let rows: Vec<_> = (all.iter().zip(&done).enumerate())
                .filter(|(_, (s, d))| **d < s.len())
                .map(|(i, (s, d))| (i, s, *d..(*d + chunk + i).min(s.len())))
                .collect();
            let logits = step(model, &mut kv, &rows.iter().map(|(_, s, r)| (*s, r.clone())).collect::<Vec<_>>());
            for ((i, _, range), logits) in rows.into_iter().zip(logits) {
                done[i] = range.end;
                last[i] = logits;
            }
        }
        assert_eq!(last, alone, "in chunks of {chunk}");
    }
}

#[test]
fn pictures_encoded_together_equal_each_alone() {
    let loaded = load_model("models/ashlar-tiny");
    let model = causal(&loaded);
    let media: Vec<_> = cases().iter().flat_map(|c| prepare(&loaded, c).0).take(8).collect();
    let together = model.encode(&media).unwrap();
    for (picture, features) in media.iter().zip(together) {
        let alone = model.encode(std::slice::from_ref(picture)).unwrap().remove(0);
        let rows = |t: &Tensor| t.to_rows().unwrap();
        assert_eq!(rows(&alone.embeddings), rows(&features.embeddings));
        for (a, b) in alone.deepstack.iter().zip(&features.deepstack) {
            assert_eq!(rows(a), rows(b));
        }
    }
}
