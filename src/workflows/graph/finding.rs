//! What a look at a graph finds, as values: the console says it in its reader's language, everybody else in English.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use utoipa::ToSchema;

/// Something that is wrong with a node, or with the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Finding {
    StartAndTriggers,
    NoAnswer,
    NoEnd,
    EndInChatflow,
    AnswerInWorkflow,
    NeverRuns,
    OpenHandle { handle: String },
    UnusedNode,
    NoModel,
    NoSystemVariable { variable: String },
    ChatflowVariable { variable: String },
    NoEnvironmentVariable { variable: String },
    NoConversationVariable { variable: String },
    NoSuchNode { variable: String },
    NotRunBefore { variable: String, node: String },
    NoSuchVariable { variable: String, node: String, variables: Vec<String> },
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartAndTriggers => f.write_str("a workflow begins with a start node or with triggers, not with both"),
            Self::NoAnswer => f.write_str("no answer node is reached: nobody would see an answer"),
            Self::NoEnd => f.write_str("no end node is reached: runs have no outputs"),
            Self::EndInChatflow => f.write_str("a chatflow ends with answer nodes, not with an end node"),
            Self::AnswerInWorkflow => f.write_str("a workflow has no answer nodes: use an end node"),
            Self::NeverRuns => f.write_str("nothing leads here: the node never runs"),
            Self::OpenHandle { handle } => write!(f, "no edge leaves '{handle}': a run that takes it ends there"),
            Self::UnusedNode => f.write_str("no edge leaves the node: what it gives is not used"),
            Self::NoModel => f.write_str("no model is chosen: choose one"),
            Self::NoSystemVariable { variable } => write!(f, "there is no system variable {variable}"),
            Self::ChatflowVariable { variable } => {
                write!(f, "the variable {variable} exists in chatflows only: a workflow is asked through its start node")
            }
            Self::NoEnvironmentVariable { variable } => write!(f, "there is no environment variable {variable}: add it"),
            Self::NoConversationVariable { variable } => write!(f, "there is no conversation variable {variable}: add it"),
            Self::NoSuchNode { variable } => write!(f, "the variable {variable} is of a node that does not exist"),
            Self::NotRunBefore { variable, node } => {
                write!(f, "the variable {variable} is of '{node}', which does not run before this node")
            }
            Self::NoSuchVariable { variable, node, variables } if variables.is_empty() => {
                write!(f, "the variable {variable} does not exist: '{node}' gives no variables")
            }
            Self::NoSuchVariable { variable, node, variables } => {
                write!(f, "the variable {variable} does not exist: '{node}' gives {}", variables.join(", "))
            }
        }
    }
}
