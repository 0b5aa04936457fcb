//! From a request to a job for the engine thread: checks, template, tokens, pixels, grammar. Runs where it may take time.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::adapter::Adapter;
use super::batch::Pixels;
use super::constraint::Constraint;
use super::metrics::QueueSlot;
use super::modality::Modality;
use super::models::Prompt;
use super::models::chameleon::{Pictures, no_decoder};
use super::request::{
    Event, Failure, Format, Generation, Guidance, Image, Input, Message, Modalities, Part, Request, Role, Sampling, Tool, ToolChoice, Video,
};
use super::sampler::Sampler;
use super::sequence::{NewSequence, Positions, SequenceId, VisualRun};
use super::text::TextStream;
use super::worker::{Clock, Job, Output};
use super::{Shared, image};

const MAX_STOPS: usize = 16;
const MAX_LOGPROBS: u8 = 20;
/// What a model without clips sees of one.
const MAX_PICTURES_OF_CLIP: usize = 16;

fn invalid(field: impl Into<String>, message: impl Into<String>) -> Failure {
    Failure::Invalid { field: field.into(), message: message.into() }
}

/// A picture or clip of a conversation and where it stands.
enum Medium<'a> {
    Image(String, &'a Image),
    Video(String, &'a Video),
}

fn media(messages: &[Message]) -> Vec<Medium<'_>> {
    let mut found = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        for (j, part) in message.content.iter().enumerate() {
            let name = || format!("messages[{i}].content[{j}]");
            match part {
                Part::Text(_) => {}
                Part::Image(image) => found.push(Medium::Image(name(), image)),
                Part::Video(video) => found.push(Medium::Video(name(), video)),
            }
        }
    }
    found
}

/// Whether something in it is a clip or may be an animation.
pub(super) fn moves(input: &Input) -> bool {
    let Input::Chat(messages) = input else { return false };
    messages.iter().flat_map(|message| &message.content).any(|part| match part {
        Part::Text(_) => false,
        Part::Image(picture) => image::may_move(&picture.bytes),
        Part::Video(_) => true,
    })
}

impl Shared {
    /// Animated pictures become clips. For a model without clips it is the other way round: of a clip it sees some frames, each
    /// behind its time. Decodes animations.
    pub(super) fn fit_clips(&self, input: &mut Input) -> Result<(), Failure> {
        let Input::Chat(messages) = input else { return Ok(()) };
        let takes_clips = match (&self.input, &self.pictures) {
            (Some(vision), _) => vision.video_token_id().is_some(),
            (None, Some(_)) => false,
            (None, None) => return Ok(()),
        };
        for (i, message) in messages.iter_mut().enumerate() {
            let mut content = Vec::with_capacity(message.content.len());
            for (j, part) in std::mem::take(&mut message.content).into_iter().enumerate() {
                match part {
                    Part::Image(picture) if takes_clips && image::may_move(&picture.bytes) => {
                        let clip = image::frames(&format!("messages[{i}].content[{j}]"), &picture)?;
                        content.push(clip.map_or(Part::Image(picture), Part::Video));
                    }
                    Part::Video(clip) if !takes_clips => {
                        let every = clip.frames.len().div_ceil(MAX_PICTURES_OF_CLIP).max(1);
                        for (frame, at) in clip.frames.into_iter().zip(clip.timestamps_s).step_by(every) {
                            content.extend([Part::Text(format!("<{at:.1} seconds>")), Part::Image(frame)]);
                        }
                    }
                    other => content.push(other),
                }
            }
            message.content = content;
        }
        Ok(())
    }

    /// Everything that can be known to be wrong without tokenising.
    pub(super) fn check(&self, request: &Request) -> Result<(), Failure> {
        check_sampling(&request.sampling, self.text.tokenizer().n_tokens())?;
        if request.stop.len() > MAX_STOPS {
            return Err(invalid("stop", format!("at most {MAX_STOPS} stop strings are allowed")));
        }
        if request.stop.iter().any(String::is_empty) {
            return Err(invalid("stop", "a stop string must not be empty"));
        }
        if request.logprobs.is_some_and(|n| n > MAX_LOGPROBS) {
            return Err(invalid("top_logprobs", format!("must be at most {MAX_LOGPROBS}")));
        }
        if request.max_tokens == Some(0) {
            return Err(invalid("max_tokens", "must be at least 1"));
        }
        if let Some(i) = request.tools.iter().position(|tool| tool.name.is_empty()) {
            return Err(invalid(format!("tools[{i}].function.name"), "must not be empty"));
        }
        if !tools_in_use(request).is_empty() && self.text.tool_syntax().is_none() {
            return Err(Failure::Unsupported("tools: this model's chat template knows no tools".to_owned()));
        }
        self.check_modalities(request)?;
        if let Input::Chat(messages) = &request.input {
            if self.input.is_none() && self.pictures.is_none() && !media(messages).is_empty() {
                return Err(Failure::Unsupported("this model takes text only, no pictures".to_owned()));
            }
            for (i, message) in messages.iter().enumerate() {
                if !message.tool_calls.is_empty() && message.role != Role::Assistant {
                    return Err(invalid(format!("messages[{i}].tool_calls"), "only the assistant calls tools"));
                }
            }
        }
        Ok(())
    }

    fn check_modalities(&self, request: &Request) -> Result<(), Failure> {
        if request.modalities == Modalities::Text {
            return Ok(());
        }
        match &self.pictures {
            None => return Err(Failure::Unsupported("this model answers with text only, not with pictures".to_owned())),
            Some((pictures, _)) if !pictures.can_write() => return Err(no_decoder()),
            Some(_) => {}
        }
        if request.format != Format::Text || !tools_in_use(request).is_empty() {
            return Err(invalid("modalities", "pictures come with free text only, not with a format or tools"));
        }
        if request.modalities == Modalities::Image && request.max_tokens.is_some() {
            return Err(invalid("max_tokens", "a picture has its own number of tokens"));
        }
        Ok(())
    }

    /// Bytes of pixels that preparing this request takes, from the headers of its pictures.
    pub(super) fn pixel_bytes(&self, request: &Request) -> Result<usize, Failure> {
        let Input::Chat(messages) = &request.input else { return Ok(0) };
        // A token stands for 32×32 pixels of three bytes, on two frames in clips.
        Ok(self.n_visual_tokens(messages)? * 32 * 32 * 3 * 2)
    }

    /// Tokens that the pictures of a conversation take, from their headers.
    fn n_visual_tokens(&self, messages: &[Message]) -> Result<usize, Failure> {
        if let Some((pictures, _)) = &self.pictures {
            return Ok(media(messages).len() * pictures.n_tokens());
        }
        let Some(input) = &self.input else { return Ok(0) };
        let mut n_tokens = 0;
        for medium in media(messages) {
            n_tokens += match medium {
                Medium::Image(name, picture) => {
                    let (width, height) = image::dimensions(&name, &picture.bytes)?;
                    input.n_image_tokens(&name, width as usize, height as usize, picture.detail)?
                }
                Medium::Video(name, video) => input.n_video_tokens(&name, video)?,
            };
        }
        Ok(n_tokens)
    }

    /// Tokens of a prompt, pictures included, without decoding them.
    pub(super) fn count_tokens(&self, input: &Input, tools: &[Tool]) -> Result<usize, Failure> {
        Ok(match input {
            Input::Chat(messages) => {
                let n_media = media(messages).len();
                self.text.encode_chat(messages, tools)?.len() + self.n_visual_tokens(messages)? - n_media
            }
            Input::Text(text) => self.text.encode_plain(text)?.len(),
            Input::Tokens(ids) => ids.len(),
        })
    }

    pub(super) fn prepare(
        &self,
        id: SequenceId,
        request: Request,
        adapter: Option<Arc<Adapter>>,
        submitted: Instant,
        slot: QueueSlot,
        memory: Option<tokio::sync::OwnedSemaphorePermit>,
    ) -> Result<(Job, Generation), Failure> {
        let tools = tools_in_use(&request);
        let (mut prompt, pixels) = self.prompt(&request.input, tools)?;
        if let (Some((pictures, _)), Modalities::Image) = (&self.pictures, request.modalities) {
            prompt = Prompt::text(prompt.ids.into_iter().chain([pictures.vocabulary.begin_image]).collect());
        }
        let n_prompt = prompt.ids.len();
        if n_prompt == 0 {
            return Err(invalid("prompt", "must hold at least one token"));
        }
        let context_size = if request.guidance == Guidance::NONE { self.context_size } else { self.guided_context_size };
        let n_picture_tokens = self.pictures.as_ref().map_or(0, |(pictures, _)| pictures.n_tokens());
        let modalities = match request.modalities {
            // No picture would ever have room, but words may.
            Modalities::TextAndImages if n_prompt + n_picture_tokens > context_size => Modalities::Text,
            modalities => modalities,
        };
        let guidance = Some(request.guidance).filter(|guidance| modalities != Modalities::Text && *guidance != Guidance::NONE);
        let limit = if modalities == Modalities::Text { self.context_size } else { context_size };
        // A picture that is the whole answer needs room for its codes and its end: its begin is in the prompt.
        let n_needed = if modalities == Modalities::Image { n_picture_tokens - 1 } else { 1 };
        if n_prompt + n_needed > limit {
            return Err(Failure::ContextOverflow { n_tokens: n_prompt + n_needed - 1, limit });
        }
        let room = if modalities == Modalities::Image { n_needed } else { limit - n_prompt };
        let max_new_tokens = request.max_tokens.map_or(room, |n| (n as usize).min(room));
        let constraint = self.constraint(&request)?;
        let parses_calls = !tools.is_empty();
        let tool_syntax = self.text.tool_syntax().filter(|_| parses_calls);

        let visuals: Vec<VisualRun> = prompt
            .visual
            .iter()
            .map(|placement| {
                let pixels = &pixels[placement.media];
                VisualRun {
                    input: placement.media,
                    hash: pixels.hash,
                    start: placement.row_start,
                    len: placement.len,
                    feature_start: placement.feature_start,
                    n_patches: pixels.grid.iter().product(),
                }
            })
            .collect();
        let mut n_image_tokens: u32 = visuals.iter().map(|run| run.len as u32).sum();
        if let (Some((pictures, _)), Input::Chat(messages)) = (&self.pictures, &request.input) {
            n_image_tokens = (media(messages).len() * pictures.n_tokens()) as u32;
        }
        let modality = self.pictures.as_ref().map(|(pictures, masks)| Modality::new(Arc::clone(pictures), Arc::clone(masks), modalities));
        let eos = self.generation.eos.clone();
        let sampler = Sampler::new(request.sampling.clone(), request.logprobs, eos.clone(), &prompt.ids);
        // Every token gives a piece of text or a call at most, and then comes the end: the engine thread never has to
        // wait for a slow reader. The channel grows only as far as it is filled.
        let (events, outputs) = tokio::sync::mpsc::channel(2 * max_new_tokens + 16);
        let pictures = self.pictures.as_ref().map(|(pictures, _)| Arc::clone(pictures));
        let generation = Generation::new(ReceiverStream::new(outputs).then(move |output| develop(output, pictures.clone())));
        let positions = (!visuals.is_empty()).then_some(Positions { prompt: prompt.positions, delta: prompt.delta });
        let sequence = NewSequence {
            id,
            priority: request.priority,
            prompt: prompt.ids,
            max_new_tokens,
            visuals,
            positions,
            // Whether a row is guided is known when its token is.
            waits_for_tokens: guidance.is_some(),
            cache_salt: request.cache_salt,
            adapter: adapter.as_ref().map(|adapter| adapter.hash),
        };
        let has_pixels = !pixels.is_empty();
        let job = Job {
            sequence: Some(sequence),
            adapter,
            events,
            sampler,
            constraint,
            modality,
            guidance,
            text: TextStream::new(Arc::clone(self.text.tokenizer()), request.stop, tool_syntax),
            eos: if request.sampling.ignore_eos { Vec::new() } else { eos },
            features: vec![None; pixels.len()],
            media: pixels,
            wants_logprobs: request.logprobs.is_some(),
            n_image_tokens,
            clock: Clock { submitted, prepared: Instant::now(), scheduled: None, first_token: None },
            slot: Some(slot),
            _memory: memory.filter(|_| has_pixels),
        };
        Ok((job, generation))
    }

    pub(super) fn prompt(&self, input: &Input, tools: &[Tool]) -> Result<(Prompt, Vec<Pixels>), Failure> {
        let ids = match input {
            Input::Chat(messages) => {
                let ids = self.text.encode_chat(messages, tools)?;
                let media = media(messages);
                if let Some((pictures, _)) = &self.pictures {
                    return Ok((Prompt::text(self.write_pictures(pictures, &ids, &media)?), Vec::new()));
                }
                if let Some(vision) = &self.input
                    && !media.is_empty()
                {
                    // Refused before anything is decoded.
                    let n_tokens = ids.len() + self.n_visual_tokens(messages)? - media.len();
                    if n_tokens >= self.context_size {
                        return Err(Failure::ContextOverflow { n_tokens, limit: self.context_size });
                    }
                    let mut pixels = Vec::with_capacity(media.len());
                    for medium in &media {
                        pixels.push(match medium {
                            Medium::Image(name, picture) => vision.image(name, picture)?,
                            Medium::Video(name, video) => vision.video(name, video)?,
                        });
                    }
                    return Ok((vision.lay_out(&ids, &pixels)?, pixels));
                }
                ids
            }
            Input::Text(text) => self.text.encode_plain(text)?,
            Input::Tokens(ids) => {
                let n_tokens = self.text.tokenizer().n_tokens();
                if let Some(id) = ids.iter().find(|id| **id as usize >= n_tokens) {
                    return Err(invalid("prompt", format!("{id} is no token of this model: it has {n_tokens}")));
                }
                ids.clone()
            }
        };
        if let Some((pictures, _)) = &self.pictures
            && ids.contains(&pictures.vocabulary.placeholder)
        {
            return Err(invalid("prompt", "placeholders of pictures must not be written by hand: send the picture"));
        }
        if let Some(vision) = &self.input
            && ids.iter().any(|id| *id == vision.image_token_id() || Some(*id) == vision.video_token_id())
        {
            return Err(invalid("prompt", "placeholders of pictures must not be written by hand: send the picture"));
        }
        Ok((Prompt::text(ids), Vec::new()))
    }

    /// Puts the ids of each picture in place of its placeholder.
    fn write_pictures(&self, pictures: &Pictures, ids: &[u32], media: &[Medium<'_>]) -> Result<Vec<u32>, Failure> {
        let is_placeholder = |id: &&u32| **id == pictures.vocabulary.placeholder;
        let n_places = ids.iter().filter(is_placeholder).count();
        if n_places != media.len() {
            let message = format!("the chat template has places for {n_places} of {} pictures", media.len());
            return Err(invalid("messages", message));
        }
        // Refused before anything is encoded.
        let n_tokens = ids.len() + media.len() * (pictures.n_tokens() - 1);
        if n_tokens >= self.context_size {
            return Err(Failure::ContextOverflow { n_tokens, limit: self.context_size });
        }
        let mut out = Vec::with_capacity(n_tokens);
        let mut media = media.iter();
        for id in ids {
            match (is_placeholder(&id), media.as_slice()) {
                (true, [medium, ..]) => {
                    media.next();
                    match medium {
                        Medium::Image(name, picture) => out.extend_from_slice(&pictures.encode(name, picture)?),
                        Medium::Video(name, _) => return Err(invalid(name.clone(), "this model takes pictures, no clips")),
                    }
                }
                _ => out.push(*id),
            }
        }
        Ok(out)
    }

    fn constraint(&self, request: &Request) -> Result<Option<Constraint>, Failure> {
        let is_free = request.format == Format::Text && matches!(request.tool_choice, ToolChoice::Auto | ToolChoice::None);
        if is_free {
            return Ok(None);
        }
        let grammars = self.grammars()?;
        grammars.compile(&request.format, &request.tools, &request.tool_choice, self.text.tool_syntax())
    }
}

/// What a reader gets for what the engine thread handed out.
async fn develop(output: Result<Output, Failure>, pictures: Option<Arc<Pictures>>) -> Result<Event, Failure> {
    match (output?, pictures) {
        (Output::Event(event), _) => Ok(event),
        (Output::Picture(ids), Some(pictures)) => {
            let image = tokio::task::spawn_blocking(move || pictures.decode(&ids)).await;
            image.map_err(|error| Failure::Internal(Arc::new(error.into())))?.map(Event::Image)
        }
        (Output::Picture(_), None) => Err(no_decoder()),
    }
}

/// The tools that the model is told about.
fn tools_in_use(request: &Request) -> &[Tool] {
    match request.tool_choice {
        ToolChoice::None => &[],
        _ => &request.tools,
    }
}

fn check_sampling(sampling: &Sampling, n_tokens: usize) -> Result<(), Failure> {
    let Sampling { temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty, .. } = *sampling;
    let ranges = [
        ("temperature", temperature, 0.0, 100.0),
        ("top_p", top_p, 0.0, 1.0),
        ("min_p", min_p, 0.0, 1.0),
        ("repetition_penalty", repetition_penalty, 0.01, 100.0),
        ("presence_penalty", presence_penalty, -2.0, 2.0),
        ("frequency_penalty", frequency_penalty, -2.0, 2.0),
    ];
    for (field, value, low, high) in ranges {
        if !(low..=high).contains(&value) {
            return Err(invalid(field, format!("must be between {low} and {high}")));
        }
    }
    for &(id, bias) in &sampling.logit_bias {
        if id as usize >= n_tokens {
            return Err(invalid("logit_bias", format!("{id} is no token of this model: it has {n_tokens}")));
        }
        if !(-100.0..=100.0).contains(&bias) {
            return Err(invalid("logit_bias", "must be between -100 and 100"));
        }
    }
    Ok(())
}
