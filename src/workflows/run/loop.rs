//! The rounds of a loop: one after the other, over loop variables that they share, until a condition holds, a loop-end node
//! is reached or the count is.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::node::{Inside, ROUNDS};
use super::{FlowDone, FlowEnd, Place, Shared, merge_response, scope};
use crate::workflows::event::{Container, NodeStart, Round, RunEvent};
use crate::workflows::graph::Node;
use crate::workflows::nodes::{Loop, NodeError, Outcome, VariableSource, condition};
use crate::workflows::vars::{Pool, Selector, Vars};

const ERROR: &str = "LoopNodeError";

pub(super) async fn run(shared: &Arc<Shared>, node: &Node, data: &Loop, pool: &Pool, key: &str, start: &Arc<NodeStart>) -> Inside {
    let mut pool = pool.clone();
    let mut inputs = Vars::from_iter([("loop_count".to_owned(), json!(data.loop_count))]);
    let failed = |message: String, inputs: Vars| Inside::Failed(NodeError::new(ERROR, message).with_inputs(inputs));
    for variable in &data.loop_variables {
        let value = match variable.source() {
            Ok(VariableSource::Constant(value)) => Some(value),
            Ok(VariableSource::Variable(selector)) => pool.get(&selector).map(std::borrow::Cow::into_owned),
            Err(_) => None,
        };
        let Some(value) = value else {
            shared.emit(RunEvent::ContainerStarted { start: Arc::clone(start), inputs: inputs.clone(), length: data.loop_count });
            return failed(format!("loop_variables: the first value of '{}' does not exist.", variable.label), inputs);
        };
        inputs.insert(variable.label.clone(), value.clone());
        pool.set(&node.id, &variable.label, value);
        pool.declare(&node.id, &variable.label, &variable.var_type);
    }
    shared.emit(RunEvent::ContainerStarted { start: Arc::clone(start), inputs: inputs.clone(), length: data.loop_count });
    let Some(flow) = node.inside.clone() else { return Inside::Failed(NodeError::internal("the loop has no children")) };

    let mut rounds = Rounds { outcome: Outcome { inputs: inputs.clone(), ..Outcome::default() }, ..Rounds::default() };
    // errors before the first round are no reason not to begin: its nodes may give what the conditions ask for
    let mut is_over = is_reached(data, &pool).unwrap_or(false);
    while !is_over && rounds.n < data.loop_count {
        let index = rounds.n;
        if index > 0 {
            let previous = Some(Value::Object(outputs(data, node, &pool, index)));
            shared.emit(RunEvent::ContainerNext { start: Arc::clone(start), index, previous });
        }
        let clock = Instant::now();
        let round = Round { container: Container::Loop, container_id: node.id.clone(), index, outer: start.round.clone().map(Arc::new) };
        let place = Place { prefix: format!("{key}[{index}]/"), round: Some(Arc::new(round)) };
        match scope::run(Arc::clone(shared), Arc::clone(&flow), pool.clone(), place).await {
            FlowEnd::Failed(error) => return failed(error, inputs),
            FlowEnd::Paused { forms, .. } => return Inside::Paused(forms),
            FlowEnd::Done(done) => {
                let inner = done.pool.clone();
                is_over = done.loop_ended;
                rounds.add(done, &node.id, &mut pool);
                rounds.durations.insert(index.to_string(), json!(clock.elapsed().as_secs_f64()));
                rounds.variables.insert(index.to_string(), Value::Object(outputs_without_round(data, node, &pool)));
                match is_reached(data, &inner) {
                    Ok(reached) => is_over |= reached,
                    Err(message) => return failed(format!("break_conditions: {message}"), inputs),
                }
            }
        }
    }
    let reason = if is_over { "loop_break" } else { "loop_completed" };
    let outputs = outputs(data, node, &pool, rounds.n);
    Inside::Done(Box::new(rounds.outcome(reason, outputs)))
}

#[derive(Default)]
struct Rounds {
    n: usize,
    outcome: Outcome,
    durations: Vars,
    variables: Vars,
}

impl Rounds {
    /// What a round set lives on: loop variables in the loop, others beyond it.
    fn add(&mut self, done: FlowDone, loop_id: &str, pool: &mut Pool) {
        self.n += 1;
        self.outcome.usage.add(&done.usage);
        merge_response(&mut self.outcome.response, &done.response);
        for write in done.writes {
            pool.set(write.selector.node(), write.selector.variable(), write.value.clone());
            if write.selector.node() != loop_id {
                self.outcome.writes.push(write);
            }
        }
    }

    fn outcome(self, reason: &str, outputs: Vars) -> Outcome {
        let mut outcome = Outcome { outputs, ..self.outcome };
        outcome.metadata.insert("loop_duration_map".into(), Value::Object(self.durations));
        outcome.metadata.insert("loop_variable_map".into(), Value::Object(self.variables));
        outcome.metadata.insert("completed_reason".into(), json!(reason));
        outcome.metadata.insert(ROUNDS.into(), json!(self.n));
        outcome
    }
}

fn is_reached(data: &Loop, pool: &Pool) -> Result<bool, String> {
    if data.break_conditions.is_empty() {
        return Ok(false);
    }
    condition::check(&data.break_conditions, data.logical_operator, pool).map(|checked| checked.result)
}

fn outputs(data: &Loop, node: &Node, pool: &Pool, n_rounds: usize) -> Vars {
    let mut outputs = outputs_without_round(data, node, pool);
    outputs.insert("loop_round".into(), json!(n_rounds));
    outputs
}

fn outputs_without_round(data: &Loop, node: &Node, pool: &Pool) -> Vars {
    data.loop_variables.iter().map(|v| (v.label.clone(), pool.get_or_null(&Selector::new(&node.id, &v.label)))).collect()
}
