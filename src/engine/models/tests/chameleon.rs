//! Chameleon's picture tokenizer against `transformers` (encoder) and the written-out reference (decoder) of
//! `tools/goldens/chameleon.py`, and the decoder's invariants.

use std::sync::Arc;

use ashlar_kernels::{Pool, conv::FeatureMap};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;

use super::goldens::{Texts, facts};
use super::runner::{Expected, Sequence, cache, causal, difference, load_model, step};
use crate::engine::models::{Prompt, chameleon::Pictures};
use crate::engine::request::{Detail, Failure, Image};

const FOLDER: &str = "tests/goldens/chameleon";

#[derive(Deserialize)]
struct Facts {
    pictures: Vec<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    png: String,
    ids: Vec<u32>,
}

fn cases() -> Vec<(Image, Vec<u32>)> {
    let image =
        |png: &str| Image { bytes: Bytes::from(BASE64_STANDARD.decode(png).unwrap()), mime_type: "image/png".into(), detail: Detail::Auto };
    facts::<Facts>(FOLDER).pictures.into_iter().map(|p| (image(&p.png), p.ids)).collect()
}

fn pictures() -> Arc<Pictures> {
    load_model(FOLDER).pictures.unwrap()
}

fn map_of(rows: &[Vec<f32>], channels: usize) -> FeatureMap {
    let (height, width) = (rows.len() / channels, rows[0].len());
    FeatureMap::from_planes(&rows.concat(), channels, height, width)
}

#[test]
fn pictures_become_the_reference_s_pixels_latents_and_ids() {
    let (pictures, expected, pool) = (pictures(), Expected::open(FOLDER), Pool::new(2));
    for (i, (image, ids)) in cases().into_iter().enumerate() {
        let theirs = expected.rows(&format!("pixels.{i}"));
        let ours = pictures.pixels_of("picture", &image).unwrap();
        // Resampling may round a level the other way.
        let worst = difference(&[ours], &[theirs.concat()]);
        assert!(worst < 1.01 * 0.0078, "picture {i}: pixels differ by {worst}");

        let latents = pictures.encoder.latents(&pool, &map_of(&theirs, 3)).planes();
        let worst = difference(&[latents], &[expected.rows(&format!("latents.{i}")).concat()]);
        assert!(worst < 1e-4, "picture {i}: latents differ by {worst}");

        let codes = pictures.encoder.forward(&pool, &map_of(&theirs, 3));
        assert_eq!(codes.iter().map(|code| pictures.vocabulary.id(*code)).collect::<Vec<_>>(), ids, "picture {i}");

        let whole = pictures.encode("picture", &image).unwrap();
        let (begin, end) = (pictures.vocabulary.begin_image, pictures.vocabulary.end_image);
        assert_eq!((whole.len(), whole[0], whole[whole.len() - 1]), (pictures.n_tokens(), begin, end));
        let n_equal = whole[1..].iter().zip(&ids).filter(|(a, b)| a == b).count();
        assert!(n_equal * 20 >= 19 * ids.len(), "picture {i}: {n_equal} of {} ids", ids.len());
        assert!(Arc::ptr_eq(&whole, &pictures.encode("picture", &image).unwrap()), "encoded once");
    }
}

#[test]
fn ids_become_the_reference_s_picture() {
    let (pictures, expected, pool) = (pictures(), Expected::open(FOLDER), Pool::new(2));
    for (i, (_, ids)) in cases().into_iter().enumerate() {
        let codes: Vec<u32> = ids.iter().map(|id| pictures.vocabulary.code(*id).unwrap()).collect();
        let theirs = expected.rows(&format!("drawn.{i}")).concat();
        let drawn = pictures.decoder.as_ref().unwrap().forward(&pool, &codes, 8).planes();
        let worst = difference(&[drawn], std::slice::from_ref(&theirs));
        assert!(worst < 1e-4, "picture {i} differs by {worst}");

        let png = pictures.decode(&ids).unwrap();
        let rgb = crate::engine::image::decode("png", &png.bytes, false).unwrap();
        assert_eq!((rgb.width, rgb.height), (32, 32));
        for (at, level) in rgb.data.iter().enumerate() {
            let value = (theirs[at % 3 * 1024 + at / 3].clamp(-1.0, 1.0) + 1.0) / 2.0 * 255.0;
            assert!((f32::from(*level) - value).abs() < 1.01, "picture {i}, byte {at}: {level} and {value}");
        }
    }
}

#[test]
fn a_checkpoint_without_a_decoder_reads_pictures_and_says_why_it_writes_none() {
    let pictures = load_model("tests/goldens/chameleon_swin").pictures.unwrap();
    assert!(!pictures.can_write());
    assert_eq!(pictures.n_tokens(), 16 * 16 + 2);
    match pictures.decode(&[]) {
        Err(Failure::Unsupported(why)) => assert!(why.contains("model.vqmodel.decoder"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn batched_and_chunked_equal_alone() {
    for folder in [FOLDER, "tests/goldens/chameleon_swin"] {
        let loaded = load_model(folder);
        let model = causal(&loaded);
        let prompts: Vec<_> = facts::<Texts>(folder).prompts;
        let all: Vec<_> = (prompts.iter().enumerate())
            .map(|(i, ids)| Sequence::new(model, Prompt::text(ids.clone()), &[], (0..4).map(|b| 2 * b + i as u32).collect()))
            .collect();
        let alone: Vec<_> = all.iter().map(|s| step(model, &mut cache(model, 8), &[(s, 0..s.len())]).remove(0)).collect();
        let whole: Vec<_> = all.iter().map(|s| (s, 0..s.len())).collect();
        assert_eq!(step(model, &mut cache(model, 8), &whole), alone, "{folder}: packed together");
        for chunk in [1, 7, 32] {
            let (mut kv, long) = (cache(model, 8), &all[1]);
            let mut last = Vec::new();
            for start in (0..long.len()).step_by(chunk) {
                last = step(model, &mut kv, &[(long, start..(start + chunk).min(long.len()))]).remove(0);
            }
            assert_eq!(last, alone[1], "{folder}: in chunks of {chunk}");
        }
    }
}
