//! Keeps the text and the pictures of an answer apart, token by token: which ids may come next, and which of those that
//! came are a picture. For models that write pictures as ids of their vocabulary.

use std::sync::Arc;

use super::models::chameleon::{Pictures, Vocabulary};
use super::request::Modalities;

/// Sets of ids as masks, 32 a word.
pub struct Masks {
    text: Vec<u32>,
    text_or_picture: Vec<u32>,
    codes: Vec<u32>,
    end: Vec<u32>,
}

impl Masks {
    pub fn new(vocabulary: &Vocabulary, n_tokens: usize) -> Self {
        let mut text = vec![u32::MAX; n_tokens.div_ceil(32)];
        for id in vocabulary.not_text().filter(|id| (*id as usize) < n_tokens) {
            text[id as usize / 32] &= !(1 << (id % 32));
        }
        let only = |ids: &[u32], mut mask: Vec<u32>| {
            for id in ids.iter().filter(|id| (**id as usize) < n_tokens) {
                mask[*id as usize / 32] |= 1 << (id % 32);
            }
            mask
        };
        let none = vec![0; text.len()];
        Self {
            text_or_picture: only(&[vocabulary.begin_image], text.clone()),
            codes: only(vocabulary.code_ids(), none.clone()),
            end: only(&[vocabulary.end_image], none),
            text,
        }
    }
}

/// What a token was.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    Text,
    PictureBegins,
    Code,
    /// The last code of a picture; its end follows.
    LastCode,
    /// The picture's codes, as ids.
    Picture(Vec<u32>),
}

/// How far one answer is.
pub struct Modality {
    pictures: Arc<Pictures>,
    masks: Arc<Masks>,
    modalities: Modalities,
    /// Ids of the picture that is being written.
    picture: Option<Vec<u32>>,
}

impl Modality {
    /// An answer of nothing but a picture begins inside it: the mark stands at the end of the prompt.
    pub fn new(pictures: Arc<Pictures>, masks: Arc<Masks>, modalities: Modalities) -> Self {
        let picture = (modalities == Modalities::Image).then(Vec::new);
        Self { pictures, masks, modalities, picture }
    }

    /// Ids that may come next when the sequence has room for so many tokens.
    pub fn mask(&self, n_room: usize) -> &[u32] {
        match &self.picture {
            Some(ids) if ids.len() < self.pictures.n_codes() => &self.masks.codes,
            Some(_) => &self.masks.end,
            None if self.modalities == Modalities::TextAndImages && n_room >= self.pictures.n_tokens() => &self.masks.text_or_picture,
            None => &self.masks.text,
        }
    }

    /// The next token belongs to a picture.
    pub fn in_picture(&self) -> bool {
        self.picture.is_some()
    }

    pub fn accept(&mut self, id: u32) -> Written {
        match &mut self.picture {
            Some(ids) if ids.len() < self.pictures.n_codes() => {
                ids.push(id);
                if ids.len() == self.pictures.n_codes() { Written::LastCode } else { Written::Code }
            }
            Some(ids) => {
                let ids = std::mem::take(ids);
                self.picture = None;
                Written::Picture(ids)
            }
            None if id == self.pictures.vocabulary.begin_image => {
                self.picture = Some(Vec::with_capacity(self.pictures.n_codes()));
                Written::PictureBegins
            }
            None => Written::Text,
        }
    }

    /// Nothing may follow.
    pub fn is_complete(&self) -> bool {
        self.modalities == Modalities::Image && self.picture.is_none()
    }

    /// Prompts that are compared with a sequence's own while it writes a picture: without a word, and without anything but
    /// the mark of the picture. One where both are the same.
    pub fn guides(&self, tokens: &[u32]) -> Vec<Vec<u32>> {
        let Vocabulary { bos, begin_image, end_image, .. } = self.pictures.vocabulary;
        let is_picture = |id: u32| [bos, begin_image, end_image].contains(&id) || self.pictures.vocabulary.code(id).is_some();
        let mut guides = vec![vec![bos, begin_image]];
        let wordless: Vec<u32> = tokens.iter().copied().filter(|id| is_picture(*id)).collect();
        if wordless != guides[0] {
            guides.push(wordless);
        }
        guides
    }

    /// Tokens for which the guides are needed.
    pub fn n_guided(&self) -> usize {
        self.pictures.n_codes()
    }
}
