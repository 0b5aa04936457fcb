//! The bundled model against `goldens.json`, which the reference library made in float32.

use std::sync::OnceLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;

use super::runner::{Sequence, cache, causal, greedy, load_model, repository, top};
use crate::engine::{
    batch::Pixels,
    models::{Loaded, Prompt},
    request::{Detail, Image},
};

#[derive(Deserialize)]
struct Goldens {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    images: Vec<String>,
    prompt: String,
    input_ids: Vec<u32>,
    output_ids: Vec<u32>,
    top5: Vec<(u32, f32)>,
    image_grid_thw: Option<Vec<[usize; 3]>>,
    /// Height and width as stored.
    image_sizes: Option<Vec<[usize; 2]>>,
    pixel_sum: Option<f64>,
}

pub fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let text = std::fs::read_to_string(repository("models/ashlar-tiny/goldens.json")).unwrap();
        serde_json::from_str::<Goldens>(&text).unwrap().cases
    })
}

/// Pixels and prompt of a case, prepared by us.
pub fn prepare(loaded: &Loaded, case: &Case) -> (Vec<Pixels>, Prompt) {
    let input = loaded.input.as_ref().unwrap();
    let media: Vec<_> = (case.images.iter())
        .map(|png| {
            let bytes = Bytes::from(BASE64_STANDARD.decode(png).unwrap());
            let image = Image { bytes, mime_type: "image/png".into(), detail: Detail::High };
            input.image(&case.name, &image).unwrap()
        })
        .collect();
    let ids = loaded.tokenizer.encode(&case.prompt, false).unwrap();
    let prompt = input.lay_out(&ids, &media).unwrap();
    (media, prompt)
}

#[test]
fn pictures_and_prompts_are_laid_out_as_the_reference_does() {
    let loaded = load_model("models/ashlar-tiny");
    for case in cases() {
        let (media, prompt) = prepare(&loaded, case);
        assert_eq!(prompt.ids, case.input_ids, "{}", case.name);
        assert_eq!(media.iter().map(|p| p.grid).collect::<Vec<_>>(), case.image_grid_thw.clone().unwrap_or_default(), "{}", case.name);
        if let Some(expected) = case.pixel_sum {
            let values = media.iter().flat_map(|p| {
                let repeat = (p.grid.iter().product::<usize>() * 1536 / p.rgb.len()) as f64;
                p.rgb.iter().map(move |v| repeat * (f64::from(*v) / 127.5 - 1.0))
            });
            let (sum, n) = (values.clone().sum::<f64>(), values.count());
            // Resamplers differ by a grey level here and there; sums would drift by far more if anything was misplaced.
            assert!((sum - expected).abs() < 1e-3 * n as f64, "{}: {sum} for {expected}", case.name);
        }
    }
}

#[test]
fn logits_and_greedy_outputs_match_the_reference() {
    let loaded = load_model("models/ashlar-tiny");
    let model = causal(&loaded);
    // Resamplers differ by a grey level here and there: pictures that are resized get a wider tolerance.
    let mut worst = [0f32; 2];
    for case in cases() {
        let (media, prompt) = prepare(&loaded, case);
        let sizes = case.image_sizes.iter().flatten().zip(&media);
        let resized = sizes.clone().any(|(size, pixels)| *size != [pixels.grid[1] * 16, pixels.grid[2] * 16]);
        let mut kv = cache(model, 32);
        let mut sequence = Sequence::new(model, prompt, &media, (0..32).collect());
        let logits = greedy(model, &mut kv, &mut sequence, case.output_ids.len(), &loaded.generation.eos);
        let ours = top(&logits, 5);
        assert_eq!(ours.iter().map(|t| t.0).collect::<Vec<_>>(), case.top5.iter().map(|t| t.0).collect::<Vec<_>>(), "{}", case.name);
        for (id, expected) in &case.top5 {
            let worst = &mut worst[usize::from(resized)];
            *worst = worst.max((logits[*id as usize] - expected).abs());
        }
        assert_eq!(sequence.generated, case.output_ids, "{}", case.name);
    }
    eprintln!("largest difference of a logit: {} with exact pixels, {} with resized pictures", worst[0], worst[1]);
    // Logits reach 20 here.
    assert!(worst[0] < 1e-4, "with exact pixels a logit differs by {}", worst[0]);
    assert!(worst[1] < 1e-2, "with resized pictures a logit differs by {}", worst[1]);
}
