//! Sizes, prompts and refusals of the vision input, on the bundled model's settings: 4096 to 65536 pixels, 32×32 a token.

use std::io::Cursor;

use super::runner::load_model;
use crate::engine::{
    models::{Loaded, VisionInput},
    request::{Detail, Failure, Image, Video},
};

fn input(loaded: &Loaded) -> &dyn VisionInput {
    loaded.input.as_deref().unwrap()
}

fn picture(width: u32, height: u32) -> Image {
    let mut png = Vec::new();
    let pixels = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
    pixels.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    Image { bytes: png.into(), mime_type: "image/png".into(), detail: Detail::Auto }
}

#[test]
fn sizes_follow_the_references_rule() {
    let loaded = load_model("models/ashlar-tiny");
    for (width, height, tokens) in [
        // 1.5 and 2.5 both round to 2: half goes to even.
        (48, 80, 4),
        // Too small: scaled up to the smallest area.
        (1, 1, 4),
        (16, 16, 4),
        // Too large: scaled down to the largest area.
        (1000, 1000, 64),
        // As long as it may be.
        (1, 200, 29),
    ] {
        let n = input(&loaded).n_image_tokens("picture", width, height, Detail::Auto).unwrap();
        assert_eq!(n, tokens, "{width}×{height}");
        let pixels = input(&loaded).image("picture", &picture(width as u32, height as u32)).unwrap();
        assert_eq!(pixels.n_tokens, tokens, "{width}×{height}");
        assert_eq!(pixels.rgb.len(), pixels.grid.iter().product::<usize>() * 16 * 16 * 3);
    }
    let error = input(&loaded).image("messages[2].content[0]", &picture(201, 1)).unwrap_err();
    assert!(
        matches!(&error, Failure::Invalid { field, message } if field == "messages[2].content[0]" && message.contains("200")),
        "{error}"
    );
}

#[test]
fn a_pictures_name_is_its_content_and_settings() {
    let loaded = load_model("models/ashlar-tiny");
    let hash = |image: &Image| input(&loaded).image("picture", image).unwrap().hash;
    assert_eq!(hash(&picture(64, 64)), hash(&picture(64, 64)));
    assert_ne!(hash(&picture(64, 64)), hash(&picture(64, 65)));
}

#[test]
fn prompts_and_pictures_must_agree() {
    let loaded = load_model("models/ashlar-tiny");
    let input = input(&loaded);
    let pixels = input.image("picture", &picture(64, 64)).unwrap();
    let (image, video) = (input.image_token_id(), input.video_token_id().unwrap());
    assert!(input.lay_out(&[1, image, 2], &[]).is_err());
    assert!(input.lay_out(&[1, 2], std::slice::from_ref(&pixels)).is_err());
    assert!(input.lay_out(&[video], std::slice::from_ref(&pixels)).is_err());
    let prompt = input.lay_out(&[1, image, 2], &[pixels]).unwrap();
    assert_eq!(prompt.ids, [1, image, image, image, image, 2]);
    // Four visual rows take as many positions as the longer side of their grid.
    assert_eq!(prompt.positions, [[0; 3], [1, 1, 1], [1, 1, 2], [1, 2, 1], [1, 2, 2], [3; 3]]);
    assert_eq!(prompt.delta, -2);
}

#[test]
fn clips_are_sampled_paired_and_timed() {
    let loaded = load_model("models/ashlar-tiny");
    let input = input(&loaded);
    let clip = |n: usize, per_second: f32| Video {
        frames: (0..n).map(|_| picture(64, 64)).collect(),
        timestamps_s: (0..n).map(|i| i as f32 / per_second).collect(),
    };
    // Ten frames a second for three seconds: two a second are looked at.
    let pixels = input.video("clip", &clip(30, 10.0)).unwrap();
    assert_eq!(pixels.grid, [3, 4, 4]);
    assert_eq!(pixels.frame_times_s.len(), 3);
    // One frame is a pair of itself.
    assert_eq!(input.video("clip", &clip(1, 1.0)).unwrap().grid, [1, 4, 4]);
    let broken = [clip(0, 1.0), Video { timestamps_s: vec![1.0, 0.0], ..clip(2, 1.0) }, Video { timestamps_s: vec![0.0], ..clip(2, 1.0) }];
    for clip in broken {
        assert!(matches!(input.video("clip", &clip), Err(Failure::Invalid { .. })));
    }
}
