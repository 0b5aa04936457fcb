//! The rounds of an iteration: one for each item, one after the other or several at a time, each with variables of its own.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::node::{FAILED_ROUNDS, Inside, ROUNDS};
use super::{FlowDone, FlowEnd, Place, Shared, merge_response, scope};
use crate::workflows::event::{Container, Form, NodeStart, Round, RunEvent};
use crate::workflows::graph::{Flow, Node};
use crate::workflows::nodes::{ErrorHandling, Iteration, NodeError, Outcome};
use crate::workflows::vars::{CONVERSATION, Pool, Vars};

const ERROR: &str = "IterationNodeError";

pub(super) async fn run(shared: &Arc<Shared>, node: &Node, data: &Iteration, pool: &Pool, key: &str, start: &Arc<NodeStart>) -> Inside {
    let items = match pool.get(&data.iterator_selector).map(std::borrow::Cow::into_owned) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        other => {
            shared.emit(RunEvent::ContainerStarted { start: Arc::clone(start), inputs: Vars::new(), length: 0 });
            let message = match other {
                Some(_) => format!("iterator_selector: {} is not a list.", data.iterator_selector),
                None => format!("iterator_selector: the variable {} does not exist.", data.iterator_selector),
            };
            return Inside::Failed(NodeError::new(ERROR, message));
        }
    };
    let inputs = Vars::from_iter([("iterator_selector".to_owned(), Value::Array(items.clone()))]);
    shared.emit(RunEvent::ContainerStarted { start: Arc::clone(start), inputs: inputs.clone(), length: items.len() });
    let Some(flow) = node.inside.clone() else { return Inside::Failed(NodeError::internal("the iteration has no children")) };
    let work = Work { shared, node, data, flow, pool, key, start };
    match work.rounds(items).await {
        Ok(Rounds { forms, .. }) if !forms.is_empty() => Inside::Paused(forms),
        Ok(rounds) => Inside::Done(Box::new(rounds.outcome(data, inputs))),
        Err(error) => {
            shared.stop_running(&format!("{key}[")).await;
            Inside::Failed(error.with_inputs(inputs))
        }
    }
}

struct Work<'a> {
    shared: &'a Arc<Shared>,
    node: &'a Node,
    data: &'a Iteration,
    flow: Arc<Flow>,
    pool: &'a Pool,
    key: &'a str,
    start: &'a Arc<NodeStart>,
}

/// How the rounds came out, in the order of the items.
#[derive(Default)]
struct Rounds {
    /// None for rounds that failed.
    done: Vec<Option<FlowDone>>,
    seconds: Vec<f64>,
    forms: Vec<Arc<Form>>,
}

impl Work<'_> {
    /// The error is that of the first round that failed, where that ends the iteration.
    async fn rounds(&self, items: Vec<Value>) -> Result<Rounds, NodeError> {
        let at_once = if self.data.is_parallel { self.data.parallel_nums.clamp(1, self.shared.limits.parallel_rounds) } else { 1 };
        let mut rounds = Rounds::default();
        let started = items.into_iter().enumerate().map(|(index, item)| self.round(index, item));
        let mut ends = stream::iter(started).buffer_unordered(at_once);
        let mut unordered = Vec::new();
        while let Some((index, seconds, end)) = ends.next().await {
            let done = match end {
                FlowEnd::Done(done) => Some(done),
                FlowEnd::Failed(error) if self.data.error_handle_mode == ErrorHandling::Terminated => {
                    return Err(NodeError::new(ERROR, error));
                }
                FlowEnd::Failed(_) => None,
                FlowEnd::Paused { forms, .. } => {
                    rounds.forms.extend(forms);
                    // those that come after wait too, where they come one after the other
                    if at_once == 1 {
                        return Ok(rounds);
                    }
                    None
                }
            };
            unordered.push((index, seconds, done));
        }
        unordered.sort_by_key(|(index, ..)| *index);
        for (_, seconds, done) in unordered {
            rounds.seconds.push(seconds);
            rounds.done.push(done);
        }
        Ok(rounds)
    }

    async fn round(&self, index: usize, item: Value) -> (usize, f64, FlowEnd) {
        self.shared.emit(RunEvent::ContainerNext { start: Arc::clone(self.start), index, previous: None });
        let clock = Instant::now();
        let mut pool = self.pool.clone();
        pool.set(&self.node.id, "item", item);
        pool.set(&self.node.id, "index", Value::from(index));
        let round = Round {
            container: Container::Iteration,
            container_id: self.node.id.clone(),
            index,
            outer: self.start.round.clone().map(Arc::new),
        };
        let place = Place { prefix: format!("{}[{index}]/", self.key), round: Some(Arc::new(round)) };
        let end = scope::run(Arc::clone(self.shared), Arc::clone(&self.flow), pool, place).await;
        (index, clock.elapsed().as_secs_f64(), end)
    }
}

impl Rounds {
    fn outcome(self, data: &Iteration, inputs: Vars) -> Outcome {
        let n_rounds = self.done.len();
        let n_failed = self.done.iter().filter(|done| done.is_none()).count();
        let mut outcome = Outcome { inputs, ..Outcome::default() };
        let mut outputs = Vec::new();
        for done in self.done {
            match done {
                Some(done) => {
                    outputs.push(done.pool.get_or_null(&data.output_selector));
                    outcome.usage.add(&done.usage);
                    outcome.writes.extend(done.writes.into_iter().filter(|write| write.selector.node() == CONVERSATION));
                    merge_response(&mut outcome.response, &done.response);
                }
                None if data.error_handle_mode == ErrorHandling::ContinueOnError => outputs.push(Value::Null),
                None => {}
            }
        }
        if data.flatten_output {
            outputs = flatten(outputs);
        }
        outcome.outputs.insert("output".into(), Value::Array(outputs));
        let durations: Vars = self.seconds.iter().enumerate().map(|(i, s)| (i.to_string(), json!(s))).collect();
        outcome.metadata.insert("iteration_duration_map".into(), Value::Object(durations));
        outcome.metadata.insert(ROUNDS.into(), json!(n_rounds));
        if n_failed > 0 {
            outcome.metadata.insert(FAILED_ROUNDS.into(), json!(n_failed));
        }
        outcome
    }
}

/// One list of all items where each round gave a list.
fn flatten(outputs: Vec<Value>) -> Vec<Value> {
    let has_lists = outputs.iter().any(Value::is_array);
    if !has_lists || !outputs.iter().all(|output| output.is_array() || output.is_null()) {
        return outputs;
    }
    outputs.into_iter().flat_map(|output| if let Value::Array(items) = output { items } else { Vec::new() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_lists_become_one() {
        assert_eq!(flatten(vec![json!([1]), json!(null), json!([2, 3])]), [json!(1), json!(2), json!(3)]);
        assert_eq!(flatten(vec![json!([1]), json!(2)]), [json!([1]), json!(2)]);
        assert_eq!(flatten(vec![json!(null)]), [json!(null)]);
    }
}
