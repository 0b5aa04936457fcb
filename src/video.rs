//! Videos to clips: the frames that a model is to look at, with their times. Decoding is ffmpeg's work, a program of the
//! system that may be missing; nothing here knows where a video comes from or which model sees it.
//!
//! ffmpeg is told the container that the bytes show and may open this one file only: a playlist that poses as a video leads
//! nowhere.

use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::engine::request::{Detail, Image, Video};

/// How Qwen3-VL's processor samples: about two frames a second, between these numbers, evenly spread.
const FRAMES_PER_SECOND: f64 = 2.0;
const MIN_FRAMES: u64 = 4;
const MAX_FRAMES: u64 = 768;
/// Pixels of all frames of a clip together: twice what a model looks at, so that its own resampling decides.
const MAX_PIXELS: u64 = 2 * 25_165_824;
/// Of one frame.
const MAX_FRAME_PIXELS: u64 = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(120);
/// PNG hardly ever takes more than the pixels themselves.
const MAX_OUTPUT_BYTES: u64 = 4 * MAX_PIXELS;

/// Videos decoded at a time; each takes all cores for a while.
static DECODING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    #[error("videos can't be read here: the program {0} is not installed on the server")]
    NoProgram(&'static str),
    #[error("not a video in MP4, MOV, WebM, MKV, MPEG or AVI format")]
    NotAVideo,
    #[error("the video can't be decoded: {0}")]
    Unreadable(String),
    #[error("the video took longer than {} s to decode", TIMEOUT.as_secs())]
    TooSlow,
    #[error("temporary files can't be written: {0}")]
    Disk(#[from] std::io::Error),
}

/// Which ffmpeg decodes here, or what to do when none does.
pub async fn examine() -> Result<String, String> {
    let version = async |program: &str| {
        let found = Command::new(program).arg("-version").stdin(Stdio::null()).output().await.ok()?;
        // "ffmpeg version 7.1 Copyright …"
        String::from_utf8_lossy(&found.stdout).split_whitespace().nth(2).map(str::to_owned)
    };
    match (version("ffmpeg").await, version("ffprobe").await) {
        (Some(version), Some(_)) => Ok(format!("ffmpeg {version}")),
        _ => Err("ffmpeg is not installed: models see animated GIF and WebP, but no videos".to_owned()),
    }
}

/// The frames of a video that a model is to look at, upright, as PNG.
pub async fn clip(bytes: &[u8], detail: Detail) -> Result<Video, VideoError> {
    let container = container(bytes).ok_or(VideoError::NotAVideo)?;
    let _turn = DECODING.acquire().await;
    let file = tempfile::NamedTempFile::new()?;
    tokio::fs::write(file.path(), bytes).await?;
    let decode = async {
        let stream = probe(container, file.path()).await?;
        let chosen = choose(stream.n_frames, stream.frames_per_second);
        let frames = decode(container, file.path(), &stream, &chosen).await?;
        let times = chosen.iter().map(|index| (*index as f64 / stream.frames_per_second) as f32);
        let timestamps_s = times.take(frames.len()).collect();
        let image = |bytes| Image { bytes, mime_type: "image/png".into(), detail };
        Ok(Video { frames: frames.into_iter().map(image).collect(), timestamps_s })
    };
    tokio::time::timeout(TIMEOUT, decode).await.map_err(|_| VideoError::TooSlow)?
}

/// ffmpeg's name of the container.
fn container(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, what: &[u8]| bytes.get(from..from + what.len()) == Some(what);
    // atoms that MP4 and QuickTime files begin with
    let atoms: [&[u8]; 5] = [b"ftyp", b"moov", b"mdat", b"wide", b"free"];
    Some(match bytes {
        _ if atoms.iter().any(|atom| at(4, atom)) => "mov",
        _ if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) => "matroska",
        _ if at(0, b"RIFF") && at(8, b"AVI ") => "avi",
        _ if at(0, &[0, 0, 1, 0xba]) => "mpeg",
        _ if at(0, &[0, 0, 1, 0xb3]) => "mpegvideo",
        _ if at(0, &[0x47]) && at(188, &[0x47]) => "mpegts",
        _ => return None,
    })
}

struct Stream {
    n_frames: u64,
    frames_per_second: f64,
    pixels: u64,
}

async fn probe(container: &str, file: &Path) -> Result<Stream, VideoError> {
    #[derive(Deserialize)]
    struct Report {
        #[serde(default)]
        streams: Vec<Found>,
    }
    #[derive(Deserialize)]
    struct Found {
        width: u64,
        height: u64,
        avg_frame_rate: String,
        nb_read_packets: String,
    }
    let entries = "stream=width,height,avg_frame_rate,nb_read_packets";
    let options = ["-select_streams", "v:0", "-count_packets", "-show_entries", entries, "-of", "json"];
    let report = output("ffprobe", container, file, &options).await?;
    let report: Report = serde_json::from_slice(&report).map_err(|e| VideoError::Unreadable(e.to_string()))?;
    let unreadable = |what: &str| VideoError::Unreadable(what.to_owned());
    let found = report.streams.into_iter().next().ok_or_else(|| unreadable("it has no pictures"))?;
    let n_frames = found.nb_read_packets.parse().ok().filter(|n| *n > 0).ok_or_else(|| unreadable("it has no frames"))?;
    let rate = found.avg_frame_rate.split_once('/').and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok()?));
    let pixels = found.width.saturating_mul(found.height);
    if pixels == 0 || pixels > MAX_FRAME_PIXELS {
        return Err(unreadable(&format!("its frames have {}×{} pixels", found.width, found.height)));
    }
    // the reference processor takes unknown rates for 24
    Ok(Stream { n_frames, frames_per_second: rate.filter(|rate| rate.is_finite() && *rate > 0.0).unwrap_or(24.0), pixels })
}

/// Frames to look at.
fn choose(n_frames: u64, frames_per_second: f64) -> Vec<u64> {
    let wanted = (n_frames as f64 / frames_per_second * FRAMES_PER_SECOND) as u64;
    let n = wanted.clamp(MIN_FRAMES, MAX_FRAMES).min(n_frames);
    let step = (n_frames - 1) as f64 / n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| (i as f64 * step).round_ties_even() as u64).collect()
}

/// These frames as PNG files. A damaged video may give fewer.
async fn decode(container: &str, file: &Path, stream: &Stream, chosen: &[u64]) -> Result<Vec<Bytes>, VideoError> {
    let select = chosen.iter().map(|index| format!("eq(n,{index})")).collect::<Vec<_>>().join("+");
    let scale = (MAX_PIXELS as f64 / (stream.pixels * chosen.len() as u64) as f64).sqrt().min(1.0);
    // consecutive times, or ffmpeg would fill the gaps with copies
    let filter = format!("select='{select}',setpts=N/25/TB,scale='max(1,trunc(iw*{scale}))':'max(1,trunc(ih*{scale}))':flags=bicubic");
    let n = chosen.len().to_string();
    let chosen = ["-map", "0:v:0", "-vf", &filter, "-r", "25", "-frames:v", &n];
    let written = ["-c:v", "png", "-compression_level", "1", "-f", "image2pipe", "-"];
    let frames = split_png(&Bytes::from(output("ffmpeg", container, file, &[&chosen[..], &written].concat()).await?));
    if frames.is_empty() {
        return Err(VideoError::Unreadable("no frame came out of it".to_owned()));
    }
    Ok(frames)
}

/// Runs one of the programs over the file. Gives what it wrote.
async fn output(program: &'static str, container: &str, file: &Path, options: &[&str]) -> Result<Vec<u8>, VideoError> {
    let mut command = Command::new(program);
    command.args(["-v", "error", "-protocol_whitelist", "file,pipe", "-max_alloc", "536870912", "-f", container, "-i"]).arg(file);
    command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => VideoError::NoProgram(program),
        _ => VideoError::Disk(error),
    })?;
    let (mut written, mut said) = (Vec::new(), Vec::new());
    if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
        let (mut stdout, mut stderr) = (stdout.take(MAX_OUTPUT_BYTES), stderr.take(4096));
        tokio::try_join!(stdout.read_to_end(&mut written), stderr.read_to_end(&mut said))?;
    }
    let status = child.wait().await?;
    if !status.success() && written.is_empty() {
        let said = String::from_utf8_lossy(&said);
        // without the name of our own file
        let last = said.lines().last().unwrap_or_default().rsplit(": ").next().unwrap_or_default();
        return Err(VideoError::Unreadable(last.trim().to_owned()));
    }
    Ok(written)
}

/// The whole files in a row of PNG files; by their chunks, each of which says its length.
fn split_png(bytes: &Bytes) -> Vec<Bytes> {
    const SIGNATURE: usize = 8;
    let (mut files, mut start) = (Vec::new(), 0);
    let mut at = SIGNATURE;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let is_last = &head[4..] == b"IEND";
        // length, name and checksum
        at += length + 12;
        if is_last && at <= bytes.len() {
            files.push(bytes.slice(start..at));
            start = at;
            at += SIGNATURE;
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_chosen_as_the_reference_does() {
        // 3 s at 10 a second
        assert_eq!(choose(30, 10.0), [0, 6, 12, 17, 23, 29]);
        assert_eq!(choose(3, 30.0), [0, 1, 2], "no more than there are");
        assert_eq!(choose(30, 30.0), [0, 10, 19, 29], "at least four");
        assert_eq!(choose(1, 30.0), [0]);
        assert_eq!(choose(100_000, 25.0).len(), 768);
    }

    async fn made(name: &str, filter: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", filter, "-pix_fmt", "yuv420p"]).arg(&path);
        assert!(command.status().await.unwrap().success());
        std::fs::read(path).unwrap()
    }

    /// The mean of a channel in the middle of a frame.
    fn channel(frame: &Image, channel: usize) -> u8 {
        let picture = image::load_from_memory(&frame.bytes).unwrap().to_rgb8();
        picture.get_pixel(picture.width() / 2, picture.height() / 2).0[channel]
    }

    #[tokio::test]
    async fn every_container_gives_its_frames_with_their_times() {
        // black for a second, then red for a second
        let filter = "color=black:size=64x48:rate=10:duration=1[a];color=red:size=64x48:rate=10:duration=1[b];[a][b]concat";
        for name in ["a.mp4", "a.mov", "a.webm", "a.mkv", "a.avi", "a.ts"] {
            let clip = clip(&made(name, filter).await, Detail::High).await.unwrap();
            assert_eq!(clip.frames.len(), 4, "{name}");
            let times: Vec<i32> = clip.timestamps_s.iter().map(|t| (t * 10.0).round() as i32).collect();
            assert_eq!(times, [0, 6, 13, 19], "{name}");
            let reds: Vec<bool> = clip.frames.iter().map(|frame| channel(frame, 0) > 128).collect();
            assert_eq!(reds, [false, false, true, true], "{name}");
        }
    }

    #[tokio::test]
    async fn large_frames_are_made_smaller() {
        let bytes = made("a.mp4", "testsrc=size=3840x2160:rate=4:duration=4").await;
        let clip = clip(&bytes, Detail::High).await.unwrap();
        let first = image::load_from_memory(&clip.frames[0].bytes).unwrap();
        let pixels = u64::from(first.width()) * u64::from(first.height()) * clip.frames.len() as u64;
        assert!(pixels <= MAX_PIXELS && pixels > MAX_PIXELS / 2, "{pixels}");
    }

    #[tokio::test]
    async fn what_is_no_video_is_refused() {
        let refusal = async |bytes: &[u8]| clip(bytes, Detail::High).await.unwrap_err().to_string();
        assert!(refusal(b"").await.starts_with("not a video"));
        assert!(refusal(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n").await.starts_with("not a video"));
        let mut broken = b"\0\0\0\x18ftypisom".to_vec();
        broken.resize(4000, 7);
        let message = refusal(&broken).await;
        assert!(message.starts_with("the video can't be decoded: ") && !message.contains("/tmp"), "{message}");
        let sound = made("a.mp4", "color=black:size=16x16:duration=1[out0];sine=duration=1[out1]").await;
        assert!(clip(&sound[..sound.len() / 4], Detail::High).await.is_err(), "cut off");
    }
}
