//! `ashlar chat`: a conversation with a local model in the terminal. Needs no database and no server.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::config::Config;
use crate::engine::Engine;
use crate::engine::host::{DEFAULT, Engines, Loaded};
use crate::engine::request::{Detail, Event, Image, Input, Message, Modalities, Part, Request, Role, Sampling};
use crate::state::host_options;
use crate::video;

#[derive(Args)]
pub struct ChatArgs {
    /// What to ask; without it a conversation starts
    prompt: Option<String>,

    /// A model of the models folder, or a path to a folder or GGUF file
    #[arg(long, default_value = DEFAULT)]
    model: String,

    /// A picture for the first question (repeatable)
    #[arg(long)]
    image: Vec<PathBuf>,

    /// A video for the first question (repeatable; needs ffmpeg)
    #[arg(long)]
    video: Vec<PathBuf>,

    /// Where pictures go that the model draws
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    save_to: PathBuf,

    /// Instructions for the whole conversation
    #[arg(long)]
    system: Option<String>,

    /// 0 takes the likeliest token each time
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,

    /// Longest answer, in tokens
    #[arg(long)]
    max_tokens: Option<u32>,

    #[command(flatten)]
    config: Config,
}

pub async fn run(args: ChatArgs) -> Result<()> {
    let mut config = args.config.clone();
    if args.model != DEFAULT {
        config.default_model = Some(args.model.clone());
    }
    let engines = Engines::new(host_options(&config));
    let Loaded::Llm(engine) = engines.ready(DEFAULT).await? else { bail!("{} is not a model that chats", args.model) };

    let mut conversation = Conversation { engine, args: &args, messages: Vec::new() };
    if let Some(system) = &args.system {
        conversation.messages.push(Message::text(Role::System, system));
    }
    let mut seen = args.image.iter().map(|path| read_picture(path)).collect::<Result<Vec<_>>>()?;
    for path in &args.video {
        seen.push(read_video(path).await?);
    }
    if let Some(prompt) = &args.prompt {
        return conversation.ask(prompt, seen).await;
    }

    say("  /image FILE or /video FILE goes with the next question, /reset starts over, Ctrl-D ends.\n");
    let mut editor = DefaultEditor::new().context("opening the terminal")?;
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(()),
            Err(error) => return Err(error).context("reading the terminal"),
        };
        editor.add_history_entry(&line).ok();
        match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
            ("", _) => {}
            ("/reset", _) => conversation.messages.truncate(usize::from(args.system.is_some())),
            ("/image", path) => add(&mut seen, read_picture(Path::new(path.trim()))),
            ("/video", path) => add(&mut seen, read_video(Path::new(path.trim())).await),
            _ => {
                if let Err(error) = conversation.ask(&line, std::mem::take(&mut seen)).await {
                    say(&format!("{error:#}\n"));
                }
            }
        }
    }
}

fn add(seen: &mut Vec<Part>, read: Result<Part>) {
    match read {
        Ok(part) => seen.push(part),
        Err(error) => say(&format!("{error:#}\n")),
    }
}

struct Conversation<'a> {
    engine: Engine,
    args: &'a ChatArgs,
    messages: Vec<Message>,
}

impl Conversation<'_> {
    /// Streams the answer to the terminal; a question that fails leaves the conversation as it was.
    async fn ask(&mut self, text: &str, seen: Vec<Part>) -> Result<()> {
        let mut content = seen;
        content.push(Part::Text(text.to_owned()));
        let mut messages = self.messages.clone();
        messages.push(Message { content, ..Message::text(Role::User, "") });
        let mut request = Request::new(Input::Chat(messages.clone()));
        request.sampling = Sampling { temperature: self.args.temperature, ..Sampling::default() };
        request.max_tokens = self.args.max_tokens;
        if self.engine.picture_size().is_some() {
            request.modalities = Modalities::TextAndImages;
        }
        let mut generation = self.engine.submit(request).await?;
        let mut answer = String::new();
        let mut drawn = Vec::new();
        while let Some(event) = generation.next().await {
            match event? {
                Event::Text { text, .. } => {
                    say(&text);
                    answer.push_str(&text);
                }
                Event::Image(picture) => {
                    say(&format!("[{}]\n", save(&self.args.save_to, &picture)?.display()));
                    drawn.push(Part::Image(picture));
                }
                Event::ToolCall(_) => {}
                Event::Done(done) => {
                    let rate =
                        f64::from(done.usage.completion_tokens) / (done.timing.total_s - done.timing.time_to_first_token_s).max(1e-6);
                    say("\n");
                    tracing::info!(
                        prompt_tokens = done.usage.prompt_tokens,
                        cached_tokens = done.usage.cached_tokens,
                        completion_tokens = done.usage.completion_tokens,
                        "{:.0} ms to the first token, {rate:.0} tokens/s",
                        done.timing.time_to_first_token_s * 1e3
                    );
                }
            }
        }
        drawn.insert(0, Part::Text(answer));
        messages.push(Message { content: drawn, ..Message::text(Role::Assistant, "") });
        self.messages = messages;
        Ok(())
    }
}

fn read_picture(path: &Path) -> Result<Part> {
    let bytes = std::fs::read(path).with_context(|| format!("reading the picture {}", path.display()))?;
    let mime_type = mime_guess::from_path(path).first_or_octet_stream().to_string();
    Ok(Part::Image(Image { bytes: bytes.into(), mime_type, detail: Detail::High }))
}

async fn read_video(path: &Path) -> Result<Part> {
    let bytes = tokio::fs::read(path).await.with_context(|| format!("reading the video {}", path.display()))?;
    let clip = video::clip(&bytes, Detail::High).await.with_context(|| format!("looking at the video {}", path.display()))?;
    Ok(Part::Video(clip))
}

/// Writes a picture under the first free name; gives its path.
fn save(folder: &Path, picture: &Image) -> Result<PathBuf> {
    for n in 1..10_000 {
        let path = folder.join(format!("picture-{n}.png"));
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(&picture.bytes).with_context(|| format!("writing {}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("writing {}", path.display())),
        }
    }
    bail!("{} is full of pictures", folder.display())
}

#[expect(clippy::print_stdout, reason = "the conversation is this command's output")]
fn say(text: &str) {
    print!("{text}");
    std::io::stdout().flush().ok();
}
