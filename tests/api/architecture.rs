//! The rules of `docs/architecture.md` that the compiler does not know: who imports whom, and what must not be named where.
//! A new arrow changes the table here and is argued in review.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each may use what stands before it, and its own group.
const GROUPS: &[&[&str]] = &[
    // nothing of ours but the error table
    &["engine", "error", "ids"],
    &["blobs", "config", "documents", "jobs", "live", "local", "mail", "outbound", "sandbox", "secrets", "telemetry", "video", "yaml"],
    &["state"],
    &["http"],
    &["accounts"],
    &["apps", "catalog", "files", "tools"],
    &["agents"],
    &["workflows"],
    &["chat"],
    &["openai", "sites", "mcp", "secret_list"],
    // the process: joins everything
    &["server", "bench", "health", "console", "runtime", "serve", "commands", "doctor", "terminal"],
];

/// These use nothing of ours at all.
const ALONE: &[&str] = &["documents", "engine", "jobs", "live", "local", "sandbox"];

/// (what, where it may be named; everywhere else it must not)
const ONLY_IN: &[(&str, &[&str])] = &[
    ("feature = \"cuda\"", &["engine/ops/"]),
    // PATH, to find programs
    ("env::var", &["config.rs", "local/binaries.rs"]),
];

/// The runtime of workflows is pure: what it needs from outside it asks its host for.
const RUNTIME_KNOWS_NO: &[&str] = &["sqlx", "axum", "reqwest", "redis::", "AppState"];

/// (where, what must not be named there)
const NEVER_IN: &[(&str, &[&str])] = &[
    ("engine/scheduler/", &["candle", "Tensor"]),
    ("engine/blocks.rs", &["candle", "Tensor"]),
    ("engine/sequence.rs", &["candle", "Tensor"]),
    ("engine/models/", &["scheduler::", "sequence::"]),
    ("engine/ops/", &["engine::models", "super::models"]),
    ("engine/", &["axum", "sqlx", "redis::", "reqwest"]),
    ("http/", &["sqlx"]),
    ("workflows/graph/", RUNTIME_KNOWS_NO),
    ("workflows/run/", RUNTIME_KNOWS_NO),
    ("workflows/nodes/", RUNTIME_KNOWS_NO),
    ("workflows/vars.rs", RUNTIME_KNOWS_NO),
    ("workflows/value.rs", RUNTIME_KNOWS_NO),
    ("workflows/template.rs", RUNTIME_KNOWS_NO),
    ("workflows/event.rs", RUNTIME_KNOWS_NO),
];

/// Path under `src/`, and the lines of code: no comments, nothing after `#[cfg(test)]`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.lines().take_while(|l| !l.starts_with("#[cfg(test)]")).filter(|l| !l.trim_start().starts_with("//"));
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                files.push((name, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    files
}

/// `accounts/db.rs` and `accounts.rs` are of module `accounts`.
fn module(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The modules that `code` names as `crate::module` or `crate::{module::…, …}`.
fn named_modules(code: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[start + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(identifier(rest));
            continue;
        };
        let mut depth = 0;
        let mut at_item = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_item = true,
                c if at_item && depth == 0 && !c.is_whitespace() => {
                    names.insert(identifier(&list[at..]));
                    at_item = false;
                }
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn identifier(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn group(module: &str) -> Option<usize> {
    GROUPS.iter().position(|group| group.contains(&module))
}

#[test]
fn modules_use_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let from = module(&path);
        if matches!(from, "lib" | "main") {
            continue;
        }
        let Some(own) = group(from) else {
            wrong.push(format!("{path}: give {from} a place in GROUPS"));
            continue;
        };
        for to in named_modules(&code).into_iter().filter(|to| *to != from) {
            // `crate::name!` and items of the root are no modules
            let Some(other) = group(to) else { continue };
            if other > own || ALONE.contains(&from) {
                wrong.push(format!("{path} uses {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        for (what, homes) in ONLY_IN {
            if code.contains(what) && !homes.iter().any(|home| path.starts_with(home)) {
                wrong.push(format!("{path} names {what:?}, which belongs in {homes:?}"));
            }
        }
        for (place, names) in NEVER_IN.iter().filter(|(place, _)| path.starts_with(place)) {
            for name in names.iter().filter(|name| code.contains(*name)) {
                wrong.push(format!("{path} names {name:?}, which has no business in {place}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_module_is_a_file_or_a_folder() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (path, _) in sources() {
        let folder = src.join(path.trim_end_matches(".rs"));
        assert!(!folder.is_dir(), "{path} beside a folder of its name: make it mod.rs");
    }
}

#[test]
fn the_reader_of_imports_sees_every_form() {
    let code = "use crate::{\n  error::{Error, Result},\n  state,\n};\nlet x = crate::apps::find();\nmacro::$crate::no;";
    assert_eq!(named_modules(code), BTreeSet::from(["apps", "error", "state"]));
}
