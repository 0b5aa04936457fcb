//! Kimi-VL against the reference's Kimi-K2.5, which is the same on single frames; and what its two forms of attention must
//! not change.

use std::sync::Arc;

use serde::Deserialize;

use super::goldens::{facts, open, png};
use super::runner::{Expected, Sequence, cache, difference, greedy, repository, step, step_all};
use crate::engine::{
    batch::Pixels,
    image,
    models::{Model, Prompt, VisionInput, load},
    ops::Backend,
    request::{Detail, Failure, Image, Message, Part, Role},
    text::Text,
    tokenizer::Tokenizer,
    weights::{read_json, tiktoken},
};

const FOLDER: &str = "tests/goldens/kimi_vl";

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    prompt: String,
    images: Vec<String>,
    /// What the reference's pictures look like, scaled and filled up.
    levels: Vec<String>,
    input_ids: Vec<u32>,
    output_ids: Vec<u32>,
}

/// The reference's own pixels, after a look at how far ours are from them.
fn pixels(case: &Case, input: &dyn VisionInput) -> Vec<Pixels> {
    (case.images.iter().zip(&case.levels))
        .map(|(picture, levels)| {
            let ours = input.image(&case.name, &png(picture)).unwrap();
            let theirs = image::decode("levels", &png(levels).bytes, false).unwrap();
            assert_eq!((ours.grid[1] * 14, ours.grid[2] * 14), (theirs.height, theirs.width), "{}", case.name);
            let worst = ours.rgb.iter().zip(&theirs.data).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(1), "{}: pixels differ by {worst:?} grey levels", case.name);
            Pixels { rgb: Arc::new(theirs.data), ..ours }
        })
        .collect()
}

#[test]
fn kimi_vl_matches_with_images_as_they_are_filled_up_and_scaled() {
    let (Model::Causal(model), Some(input), tokenizer) = open(FOLDER) else { panic!("not a vision model") };
    let (model, expected) = (model.as_ref(), Expected::open(FOLDER));
    for case in facts::<Cases>(FOLDER).cases {
        let name = &case.name;
        let media = pixels(&case, input.as_ref());
        if !media.is_empty() {
            let embeddings: Vec<Vec<f32>> =
                model.encode(&media).unwrap().iter().flat_map(|features| features.embeddings.to_rows().unwrap()).collect();
            let worst = difference(&embeddings, &expected.rows(&format!("{name}.embeddings")));
            assert!(worst < 1e-4, "{name}: embeddings differ by {worst}");
        }
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
struct Texts {
    cases: Vec<TextCase>,
}

#[derive(Deserialize)]
struct TextCase {
    text: String,
    ids: Vec<u32>,
}

#[test]
fn a_vocabulary_of_ranks_cuts_texts_as_tiktoken_does() {
    let folder = repository("tests/goldens/tiktoken");
    let config = read_json(&folder.join("tokenizer_config.json")).unwrap();
    let ranks = folder.join(tiktoken::FILE);
    for config in [config, serde_json::Value::Null] {
        let tokenizer = Tokenizer::from_json(&ranks, tiktoken::to_json(&ranks, &config).unwrap().as_bytes()).unwrap();
        for TextCase { text, ids } in facts::<Texts>("tests/goldens/tiktoken").cases {
            assert_eq!(tokenizer.encode(&text, false).unwrap(), ids, "{text:?}");
            assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
        }
        assert_eq!(tokenizer.n_tokens() as u32, tokenizer.id("[PAD]").unwrap() + 1);
        assert_eq!(tokenizer.token_bytes(tokenizer.encode("\u{e9}", false).unwrap()[0])[0], 0xc3);
    }
}

/// A folder as it is published: ranks for a tokenizer, no chat template.
#[test]
fn a_published_folder_has_a_template_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, name: &str| {
        let from = repository(from).join(name);
        std::fs::copy(&from, folder.path().join(name)).unwrap();
    };
    for name in ["model.safetensors", "preprocessor_config.json", "config.json"] {
        copy(FOLDER, name);
    }
    for name in ["tiktoken.model", "tokenizer_config.json"] {
        copy("tests/goldens/tiktoken", name);
    }
    let loaded = load(folder.path(), &Backend::cpu(1)).unwrap_or_else(|e| panic!("{e}"));
    let names = ["[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>"];
    assert!(names.iter().all(|name| loaded.generation.eos.contains(&loaded.tokenizer.id(name).unwrap())));

    let text = Text::new(loaded.tokenizer.clone(), loaded.chat_template.as_ref(), loaded.add_bos).unwrap();
    let picture = Image { bytes: Default::default(), mime_type: "image/png".into(), detail: Detail::Auto };
    let content = vec![Part::Image(picture), Part::Text("What is this?".into())];
    let messages = [Message { content, ..Message::text(Role::User, "") }];
    let ids = text.encode_chat(&messages, &[]).unwrap();
    assert_eq!(
        loaded.tokenizer.decode(&ids, true).unwrap(),
        "<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|><|im_user|>user<|im_middle|><|media_start|>image\
         <|media_content|><|media_pad|><|media_end|>What is this?<|im_end|><|im_assistant|>assistant<|im_middle|>"
    );
}

#[test]
fn sizes_follow_the_published_rule() {
    let (_, Some(input), _) = open(FOLDER) else { panic!("not a vision model") };
    for (width, height, n_tokens) in [
        // Filled up to whole tokens.
        (1, 1, 1),
        (29, 28, 2),
        // At the limit of 48 patches; beyond it scaled to 117 × 78.
        (112, 84, 12),
        (150, 100, 15),
    ] {
        assert_eq!(input.n_image_tokens("picture", width, height, Detail::High).unwrap(), n_tokens, "{width}×{height}");
    }
    let error = input.n_image_tokens("picture", 7168, 13, Detail::High).unwrap_err();
    assert!(matches!(&error, Failure::Invalid { field, .. } if field == "picture"), "{error}");
}

/// Alone and batched to the last bit; in chunks, where rows change from one form of attention to the other, but for rounding.
#[test]
fn batched_equals_alone_and_chunks_equal_the_whole() {
    for folder in [FOLDER, "tests/goldens/deepseek_v3", "tests/goldens/qwen3_moe"] {
        let (Model::Causal(model), ..) = open(folder) else { panic!("not a causal model") };
        let model = model.as_ref();
        let sequences: Vec<_> = (0..4u32)
            .map(|i| {
                let ids = (0..10 + 30 * i).map(|j| (7 * j + 13 * i) % 96).collect();
                Sequence::new(model, Prompt::text(ids), &[], (0..8).map(|block| i + 4 * block).collect())
            })
            .collect();
        let alone: Vec<_> = sequences.iter().map(|s| step(model, &mut cache(model, 32), &[(s, 0..s.len())]).remove(0)).collect();
        let all: Vec<_> = sequences.iter().map(|s| (s, 0..s.len())).collect();
        assert_eq!(step(model, &mut cache(model, 32), &all), alone, "{folder}: packed together");
        for chunk in [1, 5, 40] {
            let mut kv = cache(model, 32);
            let mut done = vec![0; sequences.len()];
            let mut last = vec![Vec::new(); sequences.len()];
            while done.iter().zip(&sequences).any(|(done, s)| *done < s.len()) {
                let rows: Vec<_> = (0..sequences.len())
                    .filter(|i| done[*i] < sequences[*i].len())
                    .map(|i| (i, done[i]..(done[i] + chunk).min(sequences[i].len())))
                    .collect();
                let logits = step(model, &mut kv, &rows.iter().map(|(i, rows)| (&sequences[*i], rows.clone())).collect::<Vec<_>>());
                for ((i, rows), logits) in rows.into_iter().zip(logits) {
                    done[i] = rows.end;
                    last[i] = logits;
                }
            }
            let worst = difference(&last, &alone);
            assert!(worst < 1e-4, "{folder}: in chunks of {chunk} logits differ by {worst}");
        }
    }
}
