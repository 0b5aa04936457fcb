//! Real app files of other people, where they are at hand: each is read, and its graph can run, or the reason is one we know.

use std::path::Path;

use ashlar::apps::dsl;
use ashlar::workflows::graph::Flow;

/// File, and what of its graph this server does not run.
const KNOWN: &[(&str, &str)] = &[
    ("lazeyliu-min-rag-pipeline", "they begin knowledge pipelines"),
    ("svcvit-agentflow", "agent_strategy_name: 'TOD' is not available"),
    ("rrocean-ai-data-analysis", "outputs.data: invalid type: sequence, expected a map"),
];

#[test]
fn graphs_of_sample_files_can_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/dsl-samples");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let mut wrong = Vec::new();
    let mut n_graphs = 0;
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "yml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let outcome = match dsl::parse(&std::fs::read_to_string(&path).unwrap()) {
            Ok(document) if document.mode.is_workflow() => {
                n_graphs += 1;
                Flow::build(&document.config["graph"], None).map(drop).map_err(|e| e.to_string())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.message),
        };
        let known = KNOWN.iter().find(|(file, _)| *file == name).map(|(_, reason)| *reason);
        match (outcome, known) {
            (Ok(()), None) => {}
            (Err(error), Some(reason)) if error.contains(reason) => {}
            (outcome, known) => wrong.push(format!("{name}: {outcome:?}, expected {known:?}")),
        }
    }
    assert!(n_graphs > 20, "only {n_graphs} graphs were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
