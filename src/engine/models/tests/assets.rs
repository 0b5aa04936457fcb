//! Real checkpoints: SmolLM2-135M-Instruct from GGUF and all-MiniLM-L6-v2, against the reference library.

use serde::Deserialize;

use super::runner::{Sequence, cache, causal, greedy, load_model, repository, step_all};
use crate::engine::models::{Model, Prompt};

fn asset(name: &str) -> String {
    let path = format!("assets/{name}");
    assert!(repository(&path).exists(), "{path} is missing: run `tools/fetch-assets.sh assets smollm2 minilm`");
    path
}

#[derive(Deserialize)]
struct Cases<T> {
    cases: Vec<T>,
}

fn cases<T: for<'a> Deserialize<'a>>(file: &str) -> Vec<T> {
    let text = std::fs::read_to_string(repository("tests/goldens").join(file)).unwrap();
    serde_json::from_str::<Cases<T>>(&text).unwrap().cases
}

#[derive(Deserialize)]
struct Continuation {
    text: String,
    ids: Vec<u32>,
    output_ids: Vec<u32>,
    top: Vec<(u32, f32)>,
    /// The best token of each row, and by how much it leads.
    best: Vec<u32>,
    margin: Vec<f32>,
}

#[test]
fn smollm2_continues_as_the_reference_does() {
    let loaded = load_model(&asset("smollm2-135m-instruct"));
    assert!(loaded.generation.eos.contains(&2));
    let model = causal(&loaded);
    for case in cases::<Continuation>("smollm2.json") {
        let ids = loaded.tokenizer.encode(&case.text, false).unwrap();
        assert_eq!(ids, case.ids, "{:?}", case.text);
        let mut kv = cache(model, 8);
        let mut sequence = Sequence::new(model, Prompt::text(ids), &[], (0..8).collect());
        let n = sequence.len();
        let logits = step_all(model, &mut kv, &[(&sequence, 0..n)]);
        // Blocks are multiplied as 8-bit integers: small differences everywhere, none where the reference is sure.
        let worst = case.top.iter().map(|(id, expected)| (logits[n - 1][*id as usize] - expected).abs()).fold(0.0, f32::max);
        assert!(worst < 0.5, "{:?}: a logit differs by {worst}", case.text);
        for (i, ((row, best), margin)) in logits.iter().zip(&case.best).zip(&case.margin).enumerate() {
            if *margin > 0.5 {
                assert_eq!(ashlar_kernels::rows::argmax(row), *best as usize, "{:?}, row {i}", case.text);
            }
        }
        greedy(model, &mut kv, &mut sequence, case.output_ids.len(), &[2]);
        assert_eq!(sequence.generated[0], case.output_ids[0], "{:?}", case.text);
        let text = loaded.tokenizer.decode(&sequence.generated, false).unwrap();
        eprintln!("{:?} → {text:?}", case.text);
        if case.text.contains("capital of France") {
            assert!(text.contains("Paris"), "{text}");
        }
    }
}

#[test]
fn a_tokenizer_made_from_gguf_metadata_equals_the_file_beside_it() {
    use crate::engine::{tokenizer::Tokenizer, weights::Checkpoint};
    let folder = repository(&asset("smollm2-135m-instruct"));
    let checkpoint = Checkpoint::open(&folder).unwrap_or_else(|e| panic!("{e}"));
    let json = checkpoint.gguf_tokenizer.unwrap().to_json(&folder).unwrap_or_else(|e| panic!("{e}"));
    let made = Tokenizer::from_json(&folder, json.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let file = Tokenizer::from_file(&folder.join("tokenizer.json")).unwrap_or_else(|e| panic!("{e}"));
    for text in ["Hello, world", " two  spaces\n\nand\ttabs", "it's 12345.678", "你好，世界", "🙂 naïve", "<|im_start|>user\nhi<|im_end|>"]
    {
        assert_eq!(made.encode(text, false).unwrap(), file.encode(text, false).unwrap(), "{text:?}");
        let plain = made.encode_plain(text).unwrap();
        assert!(plain.iter().all(|id| !made.is_special(*id)), "{text:?}");
        assert_eq!(made.decode(&plain, true).unwrap(), text);
        let bytes: Vec<u8> = plain.iter().flat_map(|id| made.token_bytes(*id).to_vec()).collect();
        assert_eq!(bytes, text.as_bytes(), "{text:?}");
    }
}

#[derive(Deserialize)]
struct Vector {
    text: String,
    vector: Vec<f32>,
}

#[test]
fn minilm_vectors_match_sentence_transformers() {
    let loaded = load_model(&asset("all-minilm-l6-v2"));
    let Model::Embedding(model) = &loaded.model else { panic!("not an embedder") };
    assert_eq!((model.dim(), model.max_tokens()), (384, 256));
    let cases = cases::<Vector>("minilm.json");
    let texts: Vec<_> = cases.iter().map(|c| model.encode(&c.text).unwrap()).collect();
    let vectors = model.embed(&texts).unwrap();
    for (case, vector) in cases.iter().zip(&vectors) {
        let worst = case.vector.iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{:?}: {worst}", &case.text[..20.min(case.text.len())]);
    }
    let dot = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum::<f32>();
    assert!(dot(0, 1) > 0.4 && dot(0, 2) < 0.2, "{} {}", dot(0, 1), dot(0, 2));
}
