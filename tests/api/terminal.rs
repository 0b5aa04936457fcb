//! `ashlar chat`: one question in the terminal.

use std::path::Path;
use std::process::{Command, Output};

fn chat(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ashlar"));
    command.arg("chat").args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_lowercase()
}

fn in_the_repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().unwrap().to_owned()
}

#[test]
fn pictures_and_videos_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let picture = in_the_repository("docs/pictures/red-circle.png");
    let video = folder.path().join("a.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-loop", "1", "-framerate", "4", "-t", "2", "-i", &picture, "-pix_fmt", "yuv420p"]).arg(&video);
    assert!(ffmpeg.status().unwrap().success());
    for seen in [["--image", &picture], ["--video", video.to_str().unwrap()]] {
        let output = chat(&[&seen[..], &["What color is the circle?"]].concat());
        assert!(output.status.success() && text(&output.stdout).contains("red"), "{seen:?}: {output:?}");
    }
    let output = chat(&["--video", &picture, "What is it?"]);
    assert!(!output.status.success() && text(&output.stderr).contains("looking at the video"), "{output:?}");
}

#[test]
fn pictures_that_are_drawn_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let save_to = folder.path().to_str().unwrap();
    let model = in_the_repository("tests/goldens/chameleon");
    std::fs::write(folder.path().join("picture-1.png"), "not to be overwritten").unwrap();
    for _ in 0..20 {
        // at such a temperature a picture comes sooner or later
        let output = chat(&["--model", &model, "--temperature", "2", "--max-tokens", "400", "--save-to", save_to, "Draw"]);
        assert!(output.status.success(), "{output:?}");
        if !text(&output.stdout).contains("picture-2.png]") {
            continue;
        }
        let picture = image::open(folder.path().join("picture-2.png")).unwrap();
        assert_eq!((picture.width(), picture.height()), (32, 32));
        assert_eq!(std::fs::read(folder.path().join("picture-1.png")).unwrap(), b"not to be overwritten");
        return;
    }
    panic!("no picture came");
}
