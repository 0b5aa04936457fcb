//! Small random models of every family against what the reference library computed (`tools/goldens/make.py`).

use std::path::Path;
use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;

use super::runner::{Expected, Sequence, cache, difference, greedy, repository, step_all};
use crate::engine::{
    batch::Pixels,
    image,
    models::{Model, Parts, Prompt, VisionInput, bert::Encoding, load_model},
    ops::{Backend, vision::PatchLayout},
    request::{Detail, Image, Video},
    tokenizer::Tokenizer,
    weights::{Checkpoint, LoadError},
};

/// A model, how it takes pictures, and its tokenizer.
type Opened = (Model, Option<Box<dyn VisionInput>>, Arc<Tokenizer>);

/// The goldens share the bundled model's vocabulary.
pub fn open(folder: &str) -> Opened {
    open_on(folder, &Backend::cpu(2)).unwrap_or_else(|e| panic!("{e}"))
}

pub fn open_on(folder: &str, backend: &Backend) -> Result<Opened, LoadError> {
    open_path(&repository(folder), backend)
}

/// Logits of every row of a prompt.
pub fn logits_of(path: &Path) -> Vec<Vec<f32>> {
    let (model, ..) = open_path(path, &Backend::cpu(2)).unwrap_or_else(|e| panic!("{e}"));
    let Model::Causal(model) = model else { panic!("not a causal model") };
    let sequence = Sequence::new(model.as_ref(), Prompt::text((0..40).collect()), &[], vec![0, 1]);
    step_all(model.as_ref(), &mut cache(model.as_ref(), 2), &[(&sequence, 0..40)])
}

fn open_path(path: &Path, backend: &Backend) -> Result<Opened, LoadError> {
    let tokenizer = Arc::new(Tokenizer::from_file(&repository("models/ashlar-tiny/tokenizer.json")).unwrap());
    let checkpoint = Checkpoint::open(path)?;
    let Parts { model, input, .. } = load_model(&checkpoint, &tokenizer, backend)?;
    Ok((model, input, tokenizer))
}

pub fn facts<T: for<'a> Deserialize<'a>>(folder: &str) -> T {
    let text = std::fs::read_to_string(repository(folder).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[derive(Deserialize)]
pub struct Texts {
    pub prompts: Vec<Vec<u32>>,
    outputs: Vec<Vec<u32>>,
}

fn check_text_model(folder: &str) {
    let (Model::Causal(model), ..) = open(folder) else { panic!("not a causal model") };
    let (texts, expected) = (facts::<Texts>(folder), Expected::open(folder));
    for (i, (prompt, output)) in texts.prompts.iter().zip(&texts.outputs).enumerate() {
        let mut kv = cache(model.as_ref(), 8);
        let mut sequence = Sequence::new(model.as_ref(), Prompt::text(prompt.clone()), &[], (0..8).rev().collect());
        let logits = step_all(model.as_ref(), &mut kv, &[(&sequence, 0..prompt.len())]);
        let difference = difference(&logits, &expected.rows(&format!("logits.{i}")));
        assert!(difference < 1e-4, "{folder}: logits of prompt {i} differ by {difference}");
        greedy(model.as_ref(), &mut kv, &mut sequence, output.len(), &[]);
        assert_eq!(&sequence.generated, output, "{folder}: prompt {i}");
    }
}

#[test]
fn llama_with_biases_scaled_rope_and_nine_heads_matches() {
    check_text_model("tests/goldens/llama");
}

#[test]
fn qwen2_matches() {
    check_text_model("tests/goldens/qwen2");
}

#[test]
fn qwen3_matches() {
    check_text_model("tests/goldens/qwen3");
}

#[test]
fn chameleon_matches_with_norms_in_front_and_behind() {
    check_text_model("tests/goldens/chameleon");
    check_text_model("tests/goldens/chameleon_swin");
}

#[test]
fn qwen3_moe_with_some_dense_layers_matches() {
    check_text_model("tests/goldens/qwen3_moe");
}

#[test]
fn qwen3_moe_without_normalised_weights_matches() {
    check_text_model("tests/goldens/qwen3_moe_unnormalised");
}

#[test]
fn deepseek_v3_of_moonlights_shape_matches() {
    check_text_model("tests/goldens/deepseek_v3");
}

#[test]
fn deepseek_v3_with_groups_of_experts_biases_and_narrow_queries_matches() {
    check_text_model("tests/goldens/deepseek_v3_groups");
}

#[derive(Deserialize)]
struct Inputs {
    inputs: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    ids: Vec<u32>,
    types: Vec<u32>,
}

pub fn encodings(folder: &str) -> Vec<Encoding> {
    facts::<Inputs>(folder).inputs.into_iter().map(|t| Encoding { ids: t.ids, types: t.types }).collect()
}

fn check_embedder(folder: &str, tensor: &str) {
    let (Model::Embedding(model), ..) = open(folder) else { panic!("not an embedder") };
    let expected = Expected::open(folder).rows(tensor);
    let texts = encodings(folder);
    let together = model.embed(&texts).unwrap();
    let difference = difference(&together, &expected);
    assert!(difference < 1e-5, "{folder}: vectors differ by {difference}");
    for (text, vector) in texts.iter().zip(&together) {
        assert_eq!(&model.embed(std::slice::from_ref(text)).unwrap()[0], vector, "{folder}: alone and batched");
    }
}

#[test]
fn bert_with_mean_pooling_matches() {
    check_embedder("tests/goldens/bert", "mean");
}

#[test]
fn xlm_roberta_with_first_token_dense_and_normalisation_matches() {
    check_embedder("tests/goldens/xlm_roberta", "vectors");
}

fn check_reranker(folder: &str) {
    let (Model::Rerank(model), ..) = open(folder) else { panic!("not a reranker") };
    let expected: Vec<f32> = Expected::open(folder).rows("scores").concat();
    let scores = model.score(&encodings(folder)).unwrap();
    let difference = difference(&[scores], &[expected]);
    assert!(difference < 1e-5, "{folder}: scores differ by {difference}");
}

#[test]
fn bert_cross_encoder_matches() {
    check_reranker("tests/goldens/bert_reranker");
}

#[test]
fn xlm_roberta_cross_encoder_matches() {
    check_reranker("tests/goldens/xlm_roberta_reranker");
}

#[derive(Deserialize)]
struct VisionCases {
    cases: Vec<VisionCase>,
}

#[derive(Deserialize)]
struct VisionCase {
    name: String,
    prompt: String,
    images: Vec<String>,
    clips: Vec<Vec<String>>,
    input_ids: Vec<u32>,
    output_ids: Vec<u32>,
    image_grid_thw: Vec<[usize; 3]>,
    video_grid_thw: Vec<[usize; 3]>,
}

pub fn png(text: &str) -> Image {
    Image { bytes: Bytes::from(BASE64_STANDARD.decode(text).unwrap()), mime_type: "image/png".into(), detail: Detail::High }
}

/// Pictures and clips in the order in which the prompt names them.
fn in_order<T>(prompt: &str, images: Vec<T>, clips: Vec<T>) -> Vec<T> {
    let mut places: Vec<_> = prompt.match_indices("<|image_pad|>").map(|(at, _)| (at, false)).collect();
    places.extend(prompt.match_indices("<|video_pad|>").map(|(at, _)| (at, true)));
    places.sort_unstable();
    let (mut images, mut clips) = (images.into_iter(), clips.into_iter());
    places.into_iter().filter_map(|(_, clip)| if clip { clips.next() } else { images.next() }).collect()
}

/// The reference's own pixels, stored as grey levels in patches, put together to the frames of the media of one kind.
fn reference_pixels(expected: &Expected, tensor: &str, like: &[&Pixels], layout: &PatchLayout) -> Vec<Pixels> {
    let rows = expected.rows(tensor);
    let PatchLayout { size, temporal, merge, .. } = *layout;
    let mut start = 0;
    like.iter()
        .map(|pixels| {
            let [t, h, w] = pixels.grid;
            let (height, width) = (h * size, w * size);
            let n_frames = pixels.rgb.len() / (height * width * 3);
            let mut rgb = vec![0; pixels.rgb.len()];
            for (i, patch) in rows[start..start + t * h * w].iter().enumerate() {
                let (group, block, within) = (i / (h * w), i % (h * w) / (merge * merge), i % (merge * merge));
                let (row, column) = (block / (w / merge) * merge + within / merge, block % (w / merge) * merge + within % merge);
                for (j, level) in patch.iter().enumerate() {
                    let (channel, frame) = (j / (temporal * size * size), group * temporal + j / (size * size) % temporal);
                    let (y, x) = (row * size + j / size % size, column * size + j % size);
                    if frame < n_frames {
                        rgb[((frame * height + y) * width + x) * 3 + channel] = *level as u8;
                    }
                }
            }
            start += t * h * w;
            Pixels { rgb: Arc::new(rgb), ..(*pixels).clone() }
        })
        .collect()
}

#[test]
fn qwen3_vl_matches_with_images_clips_and_both() {
    check_qwen3_vl("tests/goldens/qwen3_vl");
}

#[test]
fn qwen3_vl_moe_matches() {
    check_qwen3_vl("tests/goldens/qwen3_vl_moe");
}

fn check_qwen3_vl(folder: &str) {
    let (Model::Causal(model), Some(input), tokenizer) = open(folder) else { panic!("not a vision model") };
    let (model, expected) = (model.as_ref(), Expected::open(folder));
    for case in facts::<VisionCases>(folder).cases {
        let name = &case.name;
        let images: Vec<_> = case.images.iter().map(|i| input.image(name, &png(i)).unwrap()).collect();
        let clips: Vec<_> = (case.clips.iter())
            .map(|frames| {
                let timestamps_s = (0..frames.len()).map(|i| i as f32 / 2.0).collect();
                input.video(name, &Video { frames: frames.iter().map(|f| png(f)).collect(), timestamps_s }).unwrap()
            })
            .collect();
        assert_eq!(images.iter().map(|p| p.grid).collect::<Vec<_>>(), case.image_grid_thw, "{name}");
        assert_eq!(clips.iter().map(|p| p.grid).collect::<Vec<_>>(), case.video_grid_thw, "{name}");

        // Our pixels against the reference's, then the reference's through our towers.
        let mut exact = [Vec::new(), Vec::new()];
        for (i, (kind, ours)) in [("image", &images), ("video", &clips)].into_iter().enumerate() {
            if ours.is_empty() {
                continue;
            }
            exact[i] =
                reference_pixels(&expected, &format!("{name}.{kind}.pixels"), &ours.iter().collect::<Vec<_>>(), &input.patch_layout());
            for (ours, theirs) in ours.iter().zip(&exact[i]) {
                let worst = ours.rgb.iter().zip(theirs.rgb.iter()).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(worst <= Some(2), "{name}: {kind} pixels differ by {worst:?} grey levels");
            }
            let features = model.encode(&exact[i]).unwrap();
            let embeddings: Vec<Vec<f32>> = features.iter().flat_map(|f| f.embeddings.to_rows().unwrap()).collect();
            let worst = difference(&embeddings, &expected.rows(&format!("{name}.{kind}.embeddings")));
            assert!(worst < 1e-4, "{name}: {kind} embeddings differ by {worst}");
            let n_layers = features[0].deepstack.len();
            let deepstack: Vec<Vec<f32>> =
                (0..n_layers).flat_map(|j| features.iter().flat_map(move |f| f.deepstack[j].to_rows().unwrap())).collect();
            let worst = difference(&deepstack, &expected.rows(&format!("{name}.{kind}.deepstack")));
            assert!(worst < 1e-4, "{name}: {kind} DeepStack rows differ by {worst}");
        }
        let [images, clips] = exact;
        let media = in_order(&case.prompt, images, clips);
        let ids = tokenizer.encode(&case.prompt, false).unwrap();
        let prompt = input.lay_out(&ids, &media).unwrap();
        assert_eq!(prompt.ids, case.input_ids, "{name}");

        let mut kv = cache(model, 8);
        let mut sequence = Sequence::new(model, prompt, &media, (0..8).rev().collect());
        let n = sequence.len();
        let logits = step_all(model, &mut kv, &[(&sequence, 0..n)]);
        let worst = difference(&logits[n - 4..], &expected.rows(&format!("{name}.logits")));
        assert!(worst < 1e-4, "{name}: logits differ by {worst}");
        greedy(model, &mut kv, &mut sequence, case.output_ids.len(), &[]);
        assert_eq!(sequence.generated, case.output_ids, "{name}");
    }
}

#[derive(Deserialize)]
struct Resizes {
    cases: Vec<Resize>,
}

#[derive(Deserialize)]
struct Resize {
    image: String,
    width: usize,
    height: usize,
    torchvision: String,
    pillow: String,
}

#[test]
fn resampling_is_close_to_pillows_and_torchvisions() {
    for case in facts::<Resizes>("tests/goldens/resize").cases {
        let decode = |text: &str| image::decode("picture", &png(text).bytes, false).unwrap();
        let ours = ashlar_kernels::vision::resize_bicubic(&decode(&case.image), case.width, case.height);
        for (name, theirs, limit) in [("Pillow", &case.pillow, 1), ("torchvision", &case.torchvision, 2)] {
            let theirs = decode(theirs);
            let worst = ours.data.iter().zip(&theirs.data).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= limit, "{worst} grey levels from {name} at {}×{}", case.width, case.height);
        }
    }
}
