//! What of a run streams to the caller, and when.
//!
//! Each answer and end node shows a text with variables in it. It begins to stream when it is certain that the node will be
//! reached: when on some way to it every edge that is still anybody's choice has been taken. Several stream one after the
//! other, in the order in which they became certain; pieces that come too early wait.

use std::collections::{HashMap, VecDeque};

use super::scope::{EdgeState, NodeState, States};
use crate::workflows::graph::Flow;
use crate::workflows::nodes::{Delta, Kind};
use crate::workflows::template::Segment;
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector};

pub(super) struct Responses {
    /// By the ids of their nodes: the order in which several become certain at once.
    sessions: Vec<Session>,
    active: Option<usize>,
    waiting: VecDeque<usize>,
    /// Pieces of variables that some session shows.
    buffers: HashMap<Selector, Buffer>,
}

struct Session {
    node: usize,
    segments: Vec<Segment>,
    /// Of the literal text.
    literal: Selector,
    /// Edges that must be taken before it is certain.
    blocking: Vec<bool>,
    is_open: bool,
    /// The segment that is being shown, and how much of its variable's pieces has been.
    at: usize,
    shown_bytes: usize,
}

/// What came of a variable so far.
#[derive(Default)]
struct Buffer {
    text: String,
    has_begun: bool,
}

type Texts = Vec<(Selector, String)>;

impl Responses {
    pub fn new(flow: &Flow) -> Self {
        let mut sessions: Vec<Session> = (0..flow.nodes.len()).filter_map(|node| Session::of(flow, node)).collect();
        sessions.sort_by(|a, b| flow.nodes[a.node].id.cmp(&flow.nodes[b.node].id));
        let shown = sessions.iter().flat_map(|session| &session.segments).filter_map(|segment| match segment {
            Segment::Variable(selector) => Some((selector.clone(), Buffer::default())),
            Segment::Text(_) => None,
        });
        Self { buffers: shown.collect(), sessions, active: None, waiting: VecDeque::new() }
    }

    /// Before the first node runs.
    pub fn begin(&mut self, flow: &Flow, states: &States, pool: &Pool) -> Texts {
        self.open_certain(flow, states);
        self.read(flow, states, pool)
    }

    pub fn piece(&mut self, piece: Delta, flow: &Flow, states: &States, pool: &Pool) -> Texts {
        let Some(buffer) = self.buffers.get_mut(&piece.selector) else { return Texts::new() };
        buffer.text.push_str(&piece.text);
        buffer.has_begun = true;
        self.read(flow, states, pool)
    }

    /// A node ended and its edges are decided.
    pub fn finished(&mut self, node: usize, flow: &Flow, states: &States, pool: &Pool) -> Texts {
        if self.sessions.is_empty() {
            return Texts::new();
        }
        self.open_certain(flow, states);
        // it was reached, however that came
        if let Some(session) = (0..self.sessions.len()).find(|i| self.sessions[*i].node == node && !self.sessions[*i].is_open) {
            self.open(session);
        }
        self.read(flow, states, pool)
    }

    fn open_certain(&mut self, flow: &Flow, states: &States) {
        for i in 0..self.sessions.len() {
            let session = &self.sessions[i];
            if !session.is_open && is_certain(session, flow, states) {
                self.open(i);
            }
        }
    }

    fn open(&mut self, session: usize) {
        self.sessions[session].is_open = true;
        match self.active {
            None => self.active = Some(session),
            Some(_) => self.waiting.push_back(session),
        }
    }

    /// Everything that can be shown now.
    fn read(&mut self, flow: &Flow, states: &States, pool: &Pool) -> Texts {
        let mut texts = Texts::new();
        while let Some(active) = self.active {
            let session = &mut self.sessions[active];
            while let Some(segment) = session.segments.get(session.at) {
                let is_complete = match segment {
                    Segment::Text(text) => {
                        texts.push((session.literal.clone(), text.clone()));
                        true
                    }
                    Segment::Variable(selector) => {
                        let is_over = states.nodes[session.node] == NodeState::Done;
                        let source = flow.find(selector.node()).map(|node| states.nodes[node]);
                        match self.buffers.get(selector).filter(|buffer| buffer.has_begun) {
                            _ if source == Some(NodeState::Skipped) => true,
                            Some(buffer) => {
                                if session.shown_bytes < buffer.text.len() {
                                    texts.push((selector.clone(), buffer.text[session.shown_bytes..].to_owned()));
                                    session.shown_bytes = buffer.text.len();
                                }
                                is_over || !matches!(source, Some(NodeState::Waiting | NodeState::Running))
                            }
                            None => show_value(selector, pool, &mut texts) || is_over,
                        }
                    }
                };
                if !is_complete {
                    return texts;
                }
                session.at += 1;
                session.shown_bytes = 0;
            }
            self.active = self.waiting.pop_front();
        }
        texts
    }
}

/// Shows a variable that came in one piece; false while it is not there.
fn show_value(selector: &Selector, pool: &Pool, texts: &mut Texts) -> bool {
    let Some(value) = pool.get(selector) else { return false };
    let text = value::markdown(&value);
    if !text.is_empty() {
        texts.push((selector.clone(), text));
    }
    true
}

impl Session {
    fn of(flow: &Flow, index: usize) -> Option<Self> {
        let node = &flow.nodes[index];
        let segments = node.kind.response()?.0;
        let shown: Vec<&Selector> = segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Variable(selector) => Some(selector),
                Segment::Text(_) => None,
            })
            .collect();
        let sets_shown = |kind: &Kind| {
            kind.written_variables().iter().any(|w| shown.iter().any(|s| (s.node(), s.variable()) == (w.node(), w.variable())))
        };
        let blocks = |from: usize| {
            let source = &flow.nodes[from];
            source.is_branch() || source.inside.is_some() || source.kind.response().is_some() || sets_shown(&source.kind)
        };
        let blocking = flow.edges.iter().map(|edge| blocks(edge.from)).collect();
        let literal = Selector::new(&node.id, "answer");
        Some(Self { node: index, segments, literal, blocking, is_open: false, at: 0, shown_bytes: 0 })
    }
}

/// Whether some way to the node has no edge left that is anybody's choice.
fn is_certain(session: &Session, flow: &Flow, states: &States) -> bool {
    let mut seen = vec![false; flow.nodes.len()];
    let mut open = vec![session.node];
    while let Some(node) = open.pop() {
        if node == flow.entry {
            return true;
        }
        for &edge in &flow.incoming[node] {
            let is_passable = match states.edges[edge] {
                EdgeState::Taken => true,
                EdgeState::Unknown => !session.blocking[edge],
                EdgeState::Skipped => false,
            };
            let from = flow.edges[edge].from;
            if is_passable && !std::mem::replace(&mut seen[from], true) {
                open.push(from);
            }
        }
    }
    false
}
