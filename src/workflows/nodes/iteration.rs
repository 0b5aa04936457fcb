//! `iteration`: its children run once for each item of a list. The rounds are run by `run::iteration`.

use serde::Deserialize;

use crate::workflows::vars::Selector;

#[derive(Debug, Deserialize)]
pub struct Iteration {
    #[serde(default)]
    pub start_node_id: String,
    #[serde(default)]
    pub iterator_selector: Selector,
    #[serde(default)]
    pub output_selector: Selector,
    #[serde(default)]
    pub is_parallel: bool,
    #[serde(default = "ten")]
    pub parallel_nums: usize,
    #[serde(default)]
    pub error_handle_mode: ErrorHandling,
    /// Lists of lists become one list.
    #[serde(default = "yes")]
    pub flatten_output: bool,
}

/// What a failed round does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorHandling {
    /// Fails the iteration.
    #[default]
    Terminated,
    /// Gives null.
    ContinueOnError,
    /// Gives nothing.
    RemoveAbnormalOutput,
}

fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
}
