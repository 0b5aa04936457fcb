//! Which files of a repository make the model.

use super::Sibling;

/// The files to fetch, or a sentence why there are none.
pub(super) fn files(siblings: &[Sibling], globs: &[String]) -> Result<Vec<Sibling>, String> {
    let named = |ends: &str| siblings.iter().filter(|s| s.rfilename.ends_with(ends)).collect::<Vec<_>>();
    let weights: Vec<&Sibling> = if !globs.is_empty() {
        let chosen: Vec<_> = siblings.iter().filter(|s| globs.iter().any(|g| matches_glob(g, &s.rfilename))).collect();
        if chosen.is_empty() {
            return Err(format!("no file matches {}; it has {}", globs.join(" or "), names(siblings)));
        }
        chosen
    } else {
        let safetensors: Vec<_> =
            named(".safetensors").into_iter().filter(|s| !s.rfilename.contains('/') && !is_duplicate(&s.rfilename)).collect();
        match (safetensors.is_empty(), named(".gguf").as_slice()) {
            (false, _) => safetensors,
            (true, [one]) => vec![*one],
            (true, []) if named(".bin").is_empty() => return Err("it holds no weights in safetensors or GGUF format".into()),
            (true, []) => {
                return Err(
                    "its weights are pickled .bin files, which may run code when loaded; look for a safetensors or GGUF version".into()
                );
            }
            (true, many) => {
                let list: Vec<_> = many.iter().map(|s| s.rfilename.as_str()).collect();
                return Err(format!(
                    "it holds {} GGUF files; choose with --file, as in --file '{}': {}",
                    many.len(),
                    list[0],
                    list.join(", ")
                ));
            }
        }
    };
    if let Some(pickle) = weights.iter().find(|s| [".bin", ".pt", ".pth", ".pkl", ".ckpt"].iter().any(|e| s.rfilename.ends_with(e))) {
        return Err(format!("{} is a pickle, which may run code when loaded; take .safetensors or .gguf files", pickle.rfilename));
    }
    let side = siblings.iter().filter(|s| is_side_file(&s.rfilename));
    let mut all: Vec<Sibling> = weights.into_iter().chain(side).cloned().collect();
    all.sort_by(|a, b| a.rfilename.cmp(&b.rfilename));
    all.dedup_by(|a, b| a.rfilename == b.rfilename);
    Ok(all)
}

/// The same weights in the makers' own layout.
fn is_duplicate(name: &str) -> bool {
    name.starts_with("consolidated")
}

/// Tokenizer, template, preprocessing, pooling, licence: small, and the loaders read some of them.
fn is_side_file(name: &str) -> bool {
    let in_root = !name.contains('/');
    let in_root_is = in_root
        && (name.ends_with(".json")
            || name.ends_with(".jinja")
            || matches!(name, "vocab.txt" | "merges.txt" | "tiktoken.model" | "README.md"));
    let licence = in_root && (name.starts_with("LICENSE") || name.starts_with("NOTICE"));
    in_root_is || licence || (name.ends_with("_Pooling/config.json") && name.matches('/').count() == 1)
}

/// `*` is any run of characters, `?` is one.
fn matches_glob(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    // reachable[i]: the glob read so far matches the first i characters
    let mut reachable = vec![false; name.len() + 1];
    reachable[0] = true;
    for part in glob {
        let mut next = vec![false; name.len() + 1];
        match part {
            '*' => {
                let mut any = false;
                for (to, from) in next.iter_mut().zip(&reachable) {
                    any |= from;
                    *to = any;
                }
            }
            part => {
                for i in 0..name.len() {
                    next[i + 1] = reachable[i] && (part == '?' || part == name[i]);
                }
            }
        }
        reachable = next;
    }
    reachable[name.len()]
}

fn names(siblings: &[Sibling]) -> String {
    let mut list: Vec<_> = siblings.iter().take(40).map(|s| s.rfilename.as_str()).collect();
    if siblings.len() > list.len() {
        list.push("…");
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(names: &[&str], globs: &[&str]) -> Result<Vec<String>, String> {
        let siblings: Vec<_> = names.iter().map(|n| Sibling { rfilename: (*n).to_owned(), size: None, blob_id: None, lfs: None }).collect();
        let globs: Vec<_> = globs.iter().map(|g| (*g).to_owned()).collect();
        Ok(files(&siblings, &globs)?.into_iter().map(|s| s.rfilename).collect())
    }

    #[test]
    fn safetensors_come_before_everything_else() {
        let repo = [
            ".gitattributes",
            "README.md",
            "config.json",
            "consolidated.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "onnx/model.onnx",
            "original/x.safetensors",
            "pytorch_model.bin",
            "tokenizer.json",
            "1_Pooling/config.json",
            "tf_model.h5",
        ];
        let expected = [
            "1_Pooling/config.json",
            "README.md",
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json",
        ];
        assert_eq!(select(&repo, &[]).unwrap(), expected);
    }

    #[test]
    fn a_vocabulary_of_ranks_comes_with_the_weights_and_code_does_not() {
        let repo = ["config.json", "model.safetensors", "modeling_kimi_vl.py", "tiktoken.model", "tokenization_moonshot.py"];
        assert_eq!(select(&repo, &[]).unwrap(), ["config.json", "model.safetensors", "tiktoken.model"]);
    }

    #[test]
    fn a_gguf_is_taken_when_it_is_the_only_one_or_chosen() {
        assert_eq!(select(&["a.gguf", "config.json"], &[]).unwrap(), ["a.gguf", "config.json"]);
        let two = ["m-Q4_K_M.gguf", "m-Q8_0.gguf", "README.md"];
        assert!(select(&two, &[]).unwrap_err().contains("--file"));
        assert_eq!(select(&two, &["*Q4_K_M*"]).unwrap(), ["README.md", "m-Q4_K_M.gguf"]);
        assert!(select(&two, &["*Q5*"]).unwrap_err().contains("m-Q8_0.gguf"));
    }

    #[test]
    fn pickles_are_refused() {
        assert!(select(&["pytorch_model.bin", "config.json"], &[]).unwrap_err().contains("pickled"));
        assert!(select(&["pytorch_model.bin"], &["*.bin"]).unwrap_err().contains("pickle"));
        assert!(select(&["README.md"], &[]).unwrap_err().contains("no weights"));
    }

    #[test]
    fn globs() {
        for (glob, name, fits) in [
            ("*", "", true),
            ("*.gguf", "a.gguf", true),
            ("*.gguf", "a.gguf.part", false),
            ("m?.x", "m1.x", true),
            ("m?.x", "m.x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXcYb", false),
            ("[a]", "[a]", true),
        ] {
            assert_eq!(matches_glob(glob, name), fits, "{glob} {name}");
        }
    }
}
