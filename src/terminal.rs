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
use crate::engine::request::{Detail, Event, Image, Input, Message, Part, Request, Role, Sampling};
use crate::state::host_options;

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
    let mut pictures = args.image.iter().map(|path| read_picture(path)).collect::<Result<Vec<_>>>()?;
    if let Some(prompt) = &args.prompt {
        return conversation.ask(prompt, pictures).await;
    }

    say("  /image FILE adds a picture to the next question, /reset starts over, Ctrl-D ends.\n");
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
            ("/image", path) => match read_picture(Path::new(path.trim())) {
                Ok(picture) => pictures.push(picture),
                Err(error) => say(&format!("{error:#}\n")),
            },
            _ => {
                if let Err(error) = conversation.ask(&line, std::mem::take(&mut pictures)).await {
                    say(&format!("{error:#}\n"));
                }
            }
        }
    }
}

struct Conversation<'a> {
    engine: Engine,
    args: &'a ChatArgs,
    messages: Vec<Message>,
}

impl Conversation<'_> {
    /// Streams the answer to the terminal; a question that fails leaves the conversation as it was.
    async fn ask(&mut self, text: &str, pictures: Vec<Image>) -> Result<()> {
        let mut content: Vec<Part> = pictures.into_iter().map(Part::Image).collect();
        content.push(Part::Text(text.to_owned()));
        let mut messages = self.messages.clone();
        messages.push(Message { content, ..Message::text(Role::User, "") });
        let mut request = Request::new(Input::Chat(messages.clone()));
        request.sampling = Sampling { temperature: self.args.temperature, ..Sampling::default() };
        request.max_tokens = self.args.max_tokens;
        let mut generation = self.engine.submit(request).await?;
        let mut answer = String::new();
        while let Some(event) = generation.next().await {
            match event? {
                Event::Text { text, .. } => {
                    say(&text);
                    answer.push_str(&text);
                }
                Event::ToolCall(_) | Event::Image(_) => {}
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
        messages.push(Message::text(Role::Assistant, answer));
        self.messages = messages;
        Ok(())
    }
}

fn read_picture(path: &Path) -> Result<Image> {
    let bytes = std::fs::read(path).with_context(|| format!("reading the picture {}", path.display()))?;
    let mime_type = mime_guess::from_path(path).first_or_octet_stream().to_string();
    Ok(Image { bytes: bytes.into(), mime_type, detail: Detail::High })
}

#[expect(clippy::print_stdout, reason = "the conversation is this command's output")]
fn say(text: &str) {
    print!("{text}");
    std::io::stdout().flush().ok();
}
