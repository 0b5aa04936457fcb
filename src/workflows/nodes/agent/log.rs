//! What an agent does as `agent_log` events: a round, and under it the model's thought and the calls.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::agents::{Call, Event, Observation};
use crate::catalog::{ModelRef, Usage};
use crate::workflows::event::AgentLog;
use crate::workflows::nodes::Context;

pub struct Log<'a> {
    context: &'a Context,
    model: ModelRef,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// Places in `entries`.
    round: usize,
    thought: usize,
    calls: Vec<(Call, usize)>,
    responses: Vec<Value>,
    usage: Usage,
}

/// As it was sent last.
struct Entry {
    log: AgentLog,
    clock: Instant,
    started_at: f64,
}

impl<'a> Log<'a> {
    pub fn new(context: &'a Context, model: &ModelRef) -> Self {
        Self { context, model: model.clone(), state: Mutex::default() }
    }

    /// What the model took so far.
    pub fn usage(&self) -> Usage {
        self.state().usage.clone()
    }

    /// Every step as it ended.
    pub fn entries(&self) -> Vec<Value> {
        self.state().entries.iter().map(|entry| json!(entry.log)).collect()
    }

    pub fn take(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Text(_) => {}
            Event::RoundStarted { round } => {
                state.round = self.begin(&mut state, format!("ROUND {round}"), None, json!({}));
                let parent = Some(state.round);
                state.thought = self.begin(&mut state, format!("{} Thought", self.model.name), parent, json!({}));
                state.calls.clear();
                state.responses.clear();
            }
            Event::Thought { thought, calls, usage, .. } => {
                state.usage.add(usage);
                let at = state.thought;
                let asked: Vec<Value> = calls.iter().map(|call| json!({"name": call.name, "args": call.arguments_text()})).collect();
                let took = json!({"provider": self.model.provider, "total_tokens": usage.total_tokens, "total_price": usage.total_price,
                    "currency": usage.currency});
                self.end(&mut state, at, json!({"output": thought, "tool_input": asked}), None, took);
                state.responses = vec![json!(thought)];
                if calls.is_empty() {
                    let at = state.round;
                    self.end(&mut state, at, json!({"output": {"llm_response": thought, "tool_responses": []}}), None, json!({}));
                }
                state.calls = calls.iter().map(|call| (call.clone(), 0)).collect();
            }
            Event::CallStarted { index, .. } => {
                let Some((call, _)) = state.calls.get(*index).cloned() else { return };
                let data = json!({"tool_name": call.name, "tool_call_args": call.arguments.clone().unwrap_or_default()});
                let parent = Some(state.round);
                let at = self.begin(&mut state, format!("CALL {}", call.name), parent, data);
                state.calls[*index].1 = at;
            }
            Event::CallEnded { index, observed, .. } => {
                let Some((call, at)) = state.calls.get(*index).cloned() else { return };
                let output = json!({"tool_call_id": call.id, "tool_call_name": call.name, "tool_response": response(observed)});
                let data = json!({"tool_name": call.name, "tool_call_args": call.arguments.clone().unwrap_or_default(), "output": output});
                self.end(&mut state, at, data, observed.as_ref().err().cloned(), json!({}));
                state.responses.push(output);
            }
            Event::RoundEnded { .. } => {
                let at = state.round;
                let thought = state.responses.first().cloned();
                let responses: Vec<Value> = state.responses.iter().skip(1).cloned().collect();
                self.end(&mut state, at, json!({"output": {"llm_response": thought, "tool_responses": responses}}), None, json!({}));
            }
        }
    }

    fn begin(&self, state: &mut State, label: String, parent: Option<usize>, data: Value) -> usize {
        let started_at = unix_seconds();
        let log = AgentLog {
            node_execution_id: self.context.execution_id,
            node_id: self.context.node.id.clone(),
            id: Uuid::now_v7().to_string(),
            label,
            parent_id: parent.and_then(|at| Some(state.entries.get(at)?.log.id.clone())),
            error: None,
            status: "start".to_owned(),
            data,
            metadata: json!({"started_at": started_at}),
        };
        self.context.out.agent_log(log.clone());
        state.entries.push(Entry { log, clock: Instant::now(), started_at });
        state.entries.len() - 1
    }

    fn end(&self, state: &mut State, at: usize, data: Value, error: Option<String>, took: Value) {
        let Some(Entry { log, clock, started_at }) = state.entries.get_mut(at) else { return };
        let mut metadata = json!({"started_at": *started_at, "finished_at": unix_seconds(), "elapsed_time": (clock.elapsed().as_secs_f64() * 1e3).round() / 1e3});
        if let (Some(metadata), Value::Object(took)) = (metadata.as_object_mut(), took) {
            metadata.extend(took);
        }
        log.status = if error.is_some() { "error" } else { "success" }.to_owned();
        log.error = error;
        log.data = data;
        log.metadata = metadata;
        self.context.out.agent_log(log.clone());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn response(observed: &Result<Observation, String>) -> Value {
    match observed {
        Ok(observation) if observation.text.is_empty() => json!(observation.json),
        Ok(observation) => json!(observation.text),
        Err(message) => json!(message),
    }
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
