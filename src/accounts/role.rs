//! Roles, and the types that say in a handler's signature which one it needs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a member may do in one workspace. A workspace has exactly one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    Owner,
    Admin,
    Editor,
    Normal,
    DatasetOperator,
}

/// Who passes a [`Session`](super::Session) of this type.
pub trait Needs: Send + Sync + 'static {
    fn allows(role: Role) -> bool;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident: $($role:ident)|+;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Needs for $name {
            fn allows(role: Role) -> bool {
                matches!(role, $(Role::$role)|+)
            }
        }
    )*};
}

needs! {
    /// Anyone in the workspace.
    Member: Owner | Admin | Editor | Normal | DatasetOperator;
    /// Sees and uses apps: everyone but dataset operators.
    Reader: Owner | Admin | Editor | Normal;
    /// Changes apps, publishes them, makes their keys.
    Editor: Owner | Admin | Editor;
    /// Manages members, providers, workspace keys; reads the audit log.
    Admin: Owner | Admin;
    /// Hands the workspace over.
    Owner: Owner;
}
