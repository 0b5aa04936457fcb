//! Which models exist, local and remote, and the one call that generates with any of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How apps name a model: `provider: local, name: default` is the bundled or configured default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ModelRef {
    /// `local`, or the name of a provider of the workspace.
    pub provider: String,
    pub name: String,
}
