//! Statements over `model_mappings`. An empty name in the table is a null here.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::mappings::{Mapping, ModelName};
use crate::error::Result;
use crate::ids::{AccountId, ModelMappingId, WorkspaceId};

pub struct MappingRow {
    pub id: ModelMappingId,
    pub mapping: Mapping,
    pub created_by_name: Option<String>,
    pub updated_at: DateTime<Utc>,
}

pub async fn list_mappings(db: impl PgExecutor<'_>, workspace_id: WorkspaceId) -> Result<Vec<MappingRow>> {
    let rows = sqlx::query!(
        r#"select m.id as "id: ModelMappingId", m.from_provider, m.from_name, m.to_provider, m.to_name, a.name as "created_by_name?",
             m.updated_at
           from model_mappings m left join accounts a on a.id = m.created_by
           where m.workspace_id = $1 order by m.from_provider, m.from_name"#,
        workspace_id.0
    )
    .fetch_all(db)
    .await?;
    let name = |provider, name: String| ModelName { provider, name: Some(name).filter(|name| !name.is_empty()) };
    let row = rows.into_iter().map(|row| MappingRow {
        id: row.id,
        mapping: Mapping { from: name(row.from_provider, row.from_name), to: name(row.to_provider, row.to_name) },
        created_by_name: row.created_by_name,
        updated_at: row.updated_at,
    });
    Ok(row.collect())
}

/// Remembers mappings; one of the same model is replaced.
pub async fn put_mappings(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, created_by: AccountId, mappings: &[Mapping]) -> Result<()> {
    let ids: Vec<_> = mappings.iter().map(|_| ModelMappingId::new().0).collect();
    let texts = |of: fn(&Mapping) -> &str| mappings.iter().map(|mapping| of(mapping).to_owned()).collect::<Vec<_>>();
    sqlx::query!(
        "insert into model_mappings (id, workspace_id, from_provider, from_name, to_provider, to_name, created_by)
         select id, $1, from_provider, from_name, to_provider, to_name, $2
         from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) as t (id, from_provider, from_name, to_provider, to_name)
         on conflict (workspace_id, from_provider, from_name) do update set to_provider = excluded.to_provider, to_name = excluded.to_name,
           created_by = excluded.created_by, updated_at = now()",
        workspace_id.0,
        created_by.0,
        &ids,
        &texts(|mapping| &mapping.from.provider),
        &texts(|mapping| mapping.from.name.as_deref().unwrap_or_default()),
        &texts(|mapping| &mapping.to.provider),
        &texts(|mapping| mapping.to.name.as_deref().unwrap_or_default()),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// False when there is no such mapping.
pub async fn delete_mapping(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ModelMappingId) -> Result<bool> {
    let done = sqlx::query!("delete from model_mappings where workspace_id = $1 and id = $2", workspace_id.0, id.0).execute(db).await?;
    Ok(done.rows_affected() == 1)
}
